"""Both parts, one after the other, and the cleaning up."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from live import connections, hints, listings, paging, writing
from live.findings import Account, Probe
from live.output import say
from live.reading import read_everything
from live.settings import Settings, settings_of
from live.workbench import Workbench
from mailchimp_api.access import open_access
from mailchimp_api.account import account_of, audience_of
from mailchimp_api.client import MailchimpClient, RetryPolicy
from mailchimp_api.credentials import secrets_of
from mailchimp_api.errors import MailchimpError
from mailchimp_api.masking import register_secrets

PROBES: tuple[Probe, ...] = (
    *writing.PROBES,
    *listings.PROBES,
    *paging.PROBES,
    *hints.PROBES,
    *connections.PROBES,
)
_INTERRUPTED = 130  # as a shell has it


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """The exit code: 0 if all went well or nothing was asked for, 1 for what failed or is left, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="live", description="Reads a real account and settles the open facts.")
    parser.add_argument("--per-contact", action="store_true", help="read the streams that ask once for each contact")
    parser.add_argument("--only", choices=("reading", "facts"), help="one part of the two")
    options = parser.parse_args(arguments)
    well = True
    try:
        _interrupt_on(signal.SIGTERM)
        settings = settings_of(os.environ if environment is None else environment)
        if settings is None:
            say("live tests: skipped, because MAILCHIMP_API_KEY is not set. See docs/live-tests.md.")
            return 0
        for key in filter(None, (settings.api_key, settings.second_api_key)):
            register_secrets(secrets_of(settings.credentials.model_copy(update={"apikey": key})))
        if options.only != "facts":
            well = read_everything(settings, per_contact=options.per_contact)
        if options.only != "reading":
            well = settle(settings) and well
    except MailchimpError as error:
        say(f"live tests: {error}")
        return 1
    except KeyboardInterrupt:
        say("live tests: interrupted")
        return _INTERRUPTED
    return 0 if well else 1


def settle(settings: Settings) -> bool:
    """Run all probes, one line each, then clean up, whatever happened. Whether nothing is left. Raises ConfigError."""
    client = MailchimpClient(
        open_access(settings.credentials, api_url=settings.api_url),
        user_agent="mailchimp-live-tests",
        retry=RetryPolicy(attempts=5, first_wait=settings.pause, longest_wait=10 * settings.pause),
    )
    bench = None
    left: list[str] = []
    try:
        account_of(client)
        if settings.why_nothing_is_written:
            say(f"{settings.why_nothing_is_written}; what needs it is not settled")
        elif settings.list_id and settings.domain:
            audience_of(client, settings.list_id, field="MAILCHIMP_LIST_ID")
            bench = Workbench(client, settings.list_id, settings.domain, pause=settings.pause)
            say(f"writing to the audience {settings.list_id}: contacts and tags that begin with {bench.prefix}")
        account = Account(client, settings, bench)
        for probe in PROBES:
            say(probe.line(account))
    finally:
        if bench is not None:
            with _undisturbed():
                left = bench.clean_up()
            for line in left or ["cleaned up: its contacts are deleted for good, its tags too"]:
                say(line)
        client.close()
    return not left


def _interrupt_on(number: signal.Signals) -> None:
    """Let a signal end the run as Ctrl-C does, so that it cleans up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(number, interrupt)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C, once more or for the first time, does not keep contacts from being deleted."""

    def put_off(_number: int, _frame: FrameType | None) -> None:
        say("cleaning up; a moment, please")

    before = {number: signal.signal(number, put_off) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
