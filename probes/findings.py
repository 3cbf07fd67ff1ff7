"""A probe, what it found, and the account it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailchimp_api.client import MailchimpClient
from mailchimp_api.errors import ConfigError, MailchimpError
from probes.scratch import Scratch
from probes.settings import Settings


class Unsettled(Exception):
    """This account can't tell which reading holds; the text says why."""


@dataclass(frozen=True)
class Finding:
    """Which ``reading`` of a fact holds; ``remark`` is what else was seen, without any record's content."""

    reading: str
    remark: str = ""


@dataclass(frozen=True)
class Account:
    """What probes are given. ``own``: where they may write, None where nothing may be written."""

    client: MailchimpClient
    settings: Settings
    own: Scratch | None = None

    @property
    def scratch(self) -> Scratch:
        """Where to write. Raises Unsettled where nothing may be written."""
        if self.own is None:
            raise Unsettled(self.settings.why_nothing_is_written or "nothing may be written")
        return self.own


@dataclass(frozen=True)
class Probe:
    """Settles the fact of that name. ``look`` may raise Unsettled, or any error: that settles nothing either."""

    fact: str
    look: Callable[[Account], Finding]

    def line(self, account: Account) -> str:
        """Look, and say in one line what was found. Raises ConfigError: then no other probe would fare better."""
        reading = "not settled"
        try:
            found = self.look(account)
        except Unsettled as why:
            remark = str(why)
        except ConfigError:
            raise
        except MailchimpError as error:
            remark = str(error)
        except Exception as error:  # noqa: BLE001 - an answer of another shape than expected must not stop the rest
            remark = f"the answer was not as expected ({type(error).__name__}: {error})"
        else:
            reading, remark = found.reading, found.remark
        return f"{self.fact:34} {reading:14} {remark}".rstrip()
