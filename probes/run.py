"""Both parts, one after the other, and the cleaning up."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from mailchimp_api.access import open_access
from mailchimp_api.account import account_of, audience_of
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.credentials import ApiKeyCredentials, secrets_of
from mailchimp_api.errors import MailchimpError
from mailchimp_api.masking import register_secrets
from probes import connections, contact_fields, embedded, listings, paging, segments, statuses, values, writing
from probes.findings import Account, Probe
from probes.output import say
from probes.reading import read_everything
from probes.scratch import Scratch
from probes.settings import Settings, settings_of

PROBES: tuple[Probe, ...] = (
    *writing.PROBES,
    *values.PROBES,
    *statuses.PROBES,
    *segments.PROBES,
    *listings.PROBES,
    *paging.PROBES,
    *embedded.PROBES,
    *contact_fields.PROBES,
    *connections.PROBES,
)
_INTERRUPTED = 130  # as a shell has it


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """The exit code: 0 if all went well or nothing was asked for, 1 for what failed or is left, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="probes", description="Reads a real account and settles the open facts.")
    parser.add_argument("--per-contact", action="store_true", help="read the streams that ask once for each contact")
    parser.add_argument("--only", choices=("reading", "facts"), help="one part of the two")
    options = parser.parse_args(arguments)
    # SIGINT by name as well: a shell that puts a command in the background lets it ignore Ctrl-C.
    with _handled(signal.SIGTERM, _interrupt), _handled(signal.SIGINT, _interrupt):
        try:
            settings = settings_of(os.environ if environment is None else environment)
            if settings is None:
                say("live tests: skipped, because MAILCHIMP_API_KEY is not set. See docs/live-tests.md.")
                return 0
            return 0 if _run(settings, only=options.only, per_contact=options.per_contact) else 1
        except MailchimpError as error:
            say(f"live tests: {error}")
            return 1
        except KeyboardInterrupt:
            say("live tests: interrupted")
            return _INTERRUPTED


def _run(settings: Settings, *, only: str | None, per_contact: bool) -> bool:
    for key in filter(None, (settings.api_key, settings.second_api_key)):
        register_secrets(secrets_of(ApiKeyCredentials(apikey=key)))
    well = only == "facts" or read_everything(settings, per_contact=per_contact)
    return (only == "reading" or settle(settings)) and well


def settle(settings: Settings) -> bool:
    """Run all probes, one line each, then clean up, whatever happened. Whether nothing is left. Raises ConfigError."""
    client = MailchimpClient(
        open_access(settings.credentials, api_url=settings.api_url),
        user_agent="mailchimp-live-tests",
        retry=RetryPolicy(attempts=5, first_wait=settings.pause, longest_wait=10 * settings.pause),
    )
    scratch = None
    left: list[str] = []
    try:
        account_of(client)
        if settings.why_nothing_is_written:
            say(f"{settings.why_nothing_is_written}; what needs it is not settled")
        elif settings.list_id and settings.domain:
            audience_of(client, settings.list_id, field="MAILCHIMP_LIST_ID")
            scratch = Scratch(client, settings.list_id, settings.domain, pause=settings.pause)
            say(f"writing to the audience {settings.list_id}: contacts and tags that begin with {scratch.prefix}")
        account = Account(client, settings, scratch)
        for probe in PROBES:
            say(probe.line(account))
    finally:
        if scratch is not None:
            # Neither a second Ctrl-C nor a first one now keeps contacts from being deleted.
            with _handled(signal.SIGINT, _put_off), _handled(signal.SIGTERM, _put_off):
                left = scratch.clean_up()
            for line in left or ["cleaned up: its contacts are deleted for good, its tags too"]:
                say(line)
        client.close()
    return not left


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _put_off(_number: int, _frame: FrameType | None) -> None:
    say("cleaning up; a moment, please")


@contextmanager
def _handled(number: signal.Signals, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function deal with a signal for as long as the block runs."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
