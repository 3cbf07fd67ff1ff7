"""No key, no address and nothing made of them reaches a log, a trace or a connection status."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness, SourceRun
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
Leaks = Callable[[SourceRun], list[str]]
SECRET = "5ec2e7c0ffee5ec2e7c0ffee5ec2e7c0"
KEY = f"{SECRET}-us10"
TOKEN = "marked-oauth-token-0001"
OTHER = "0ddba11c0ffee0ddba11c0ffee0ddba1-us10"
MARKED = "jane.marked+test@private.example.com"
STREAMS = ("lists", "list_members", "campaigns", "reports", "email_activity", "member_notes", "member_tags",
           "member_activity", "segment_members", "audience_contacts")  # fmt: skip


@pytest.fixture(scope="module")
def account() -> Json:
    return {"contacts": 40, "audiences": 1, "campaigns": 2, "recipients": 10, "plain": True, "api_key": KEY,
            "oauth_token": TOKEN}  # fmt: skip


@pytest.fixture
def simulator(simulator: SimulatorProcess) -> SimulatorProcess:
    """The account is opened with the marked key and token."""
    simulator.api_key, simulator.oauth_token = KEY, TOKEN
    return simulator


@pytest.fixture
def leaks(source: SourceHarness) -> Leaks:
    """Finds what must not be in an output, records and states left out: they are what the user asked for."""
    rows = [row["row"] for row in source.simulator.control.ground_truth("/lists/{list_id}/members", "rows")["rows"]]
    addresses = {MARKED, *(row["email_address"] for row in rows)}
    hidden = {SECRET, KEY, TOKEN, OTHER.partition("-")[0]}
    hidden |= {encoded(prefix, secret) for secret in (KEY, TOKEN) for prefix in ("", "x", "xx")}
    for address in addresses:
        digest = hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()
        hidden |= {address, address.lower(), address.replace("@", "%40"), digest}

    def find(run: SourceRun) -> list[str]:
        kept = b"\n".join(
            line
            for line in run.lines
            if not line.startswith((b'{"type":"RECORD"', b'{"type":"STATE"', b'{"type":"CATALOG"'))
        )
        text = kept.decode() + run.stderr
        assert run.lines
        return sorted(secret for secret in hidden if secret.lower() in text.lower())

    return find


def encoded(prefix: str, secret: str) -> str:
    """What of a secret shows in base64 wherever it begins within a group of three."""
    text = base64.b64encode(f"{prefix}{secret}".encode()).decode()
    return text[4:-4] if prefix else text[:-4]


def test_the_search_would_find_a_leak(source: SourceHarness, leaks: Leaks) -> None:
    """A search that finds nothing proves something only if it finds what is there."""
    run = source.in_process("check")
    for leak in (KEY, MARKED, hashlib.md5(MARKED.encode(), usedforsecurity=False).hexdigest(),
                 base64.b64encode(f"anystring:{KEY}".encode()).decode()):  # fmt: skip
        run.stderr = leak

        assert leaks(run) != []


QUOTING = f"The member {MARKED} with key {KEY} ({hashlib.md5(MARKED.encode(), usedforsecurity=False).hexdigest()})"


@pytest.mark.parametrize("debug", [False, True])
def test_reading_with_every_error_that_quotes_secrets_leaks_none(
    source: SourceHarness,
    leaks: Leaks,
    debug: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Answers that quote addresses and keys, contacts that are gone, refused or broken: all of it is masked."""
    control = source.simulator.control
    contact = "/lists/{list_id}/members/{subscriber_hash}"
    control.fault("status", f"{contact}/notes", status=404, detail=QUOTING, every=2)
    control.fault("status", f"{contact}/tags", status=403, detail=QUOTING, every=3)
    control.fault("status", f"{contact}/activity-feed", status=400, detail=QUOTING)
    control.fault("status", "/campaigns", status=500, title=QUOTING, detail=QUOTING)
    control.fault("reset_midway", "/audiences")
    control.fault("not_json", "/lists/{list_id}/segments/{segment_id}/members")
    arguments = ["--debug"] if debug else []

    run = source.run("read", source.config(retry_seconds=4), source.catalog(STREAMS), arguments=arguments, timeout=240)

    assert run.exit_code == 1
    assert run.incomplete >= {"member_activity", "campaigns", "audience_contacts", "segment_members"}
    assert len(run.records("list_members")) == 40
    assert "Mailchimp answered 400" in run.failures["member_activity"]["message"]
    assert "***" in run.failures["member_activity"]["message"]
    assert any("again in" in text for text in run.logs())
    assert debug is any(log["level"] == "DEBUG" for log in run.of("LOG"))
    assert leaks(run) == []


BAD: dict[str, Json] = {
    "unknown key": {"credentials": {"auth_type": "apikey", "apikey": OTHER}},
    "key without suffix": {"credentials": {"auth_type": "apikey", "apikey": SECRET}},
    "key with blanks": {"credentials": {"auth_type": "apikey", "apikey": f" {KEY} x"}},
    "key in the wrong place": {"credentials": {"auth_type": "oauth2.0", "apikey": KEY}},
    "key of an unknown kind": {"credentials": {"auth_type": "password", "apikey": KEY}},
    "key as a list": {"credentials": {"auth_type": "apikey", "apikey": [KEY]}},
    "key instead of credentials": {"credentials": KEY},
    "token that is refused": {"credentials": {"auth_type": "oauth2.0", "access_token": f"{TOKEN}x"}},
    "key as data center": {"data_center": KEY, "credentials": {"auth_type": "oauth2.0", "access_token": TOKEN}},
    "key as audience": {"list_ids": [KEY, MARKED]},
    "key in the address": {"api_url": f"http://{KEY}@127.0.0.1:1"},
    "address as a date": {"start_date": MARKED},
    "nobody listens": {"api_url": "http://127.0.0.1:1", "retry_seconds": 0.2},
}


@pytest.mark.parametrize("options", BAD.values(), ids=list(BAD))
@pytest.mark.parametrize("command", ["check", "read"])
def test_a_bad_configuration_is_refused_without_showing_it(
    source: SourceHarness, leaks: Leaks, command: str, options: Json
) -> None:
    """Whatever somebody typed into the wrong field, the message doesn't repeat it."""
    catalog = source.catalog(["lists"]) if command == "read" else None

    run = source.in_process(command, source.config(**options), catalog)

    if command == "check":
        assert run.answer["status"] == "FAILED"
    else:
        # Of an audience that is gone, the others are read nevertheless, with a warning.
        assert run.exit_code == 1 or run.logs("WARN") != []
    assert leaks(run) == []


@pytest.mark.parametrize("command", ["spec", "check", "discover"])
def test_the_commands_of_a_healthy_account_leak_nothing(source: SourceHarness, leaks: Leaks, command: str) -> None:
    """Even with the debug flag, which makes libraries talk."""
    run = source.run(command, arguments=["--debug"])

    assert run.exit_code == 0
    assert leaks(run) == []


def test_the_masks_leave_something_to_go_by(source: SourceHarness, leaks: Leaks) -> None:
    """A masked message still says which request failed, and Mailchimp's request id."""
    source.simulator.control.fault("status", "/lists/{list_id}/members/{subscriber_hash}/notes", status=400)

    run = source.read(["member_notes"])

    assert run.exit_code == 1

    assert leaks(run) == []
    message = run.failures["member_notes"]["message"]
    assert re.search(r"GET /lists/\w+/members/\*\*\*/notes", message)
    assert "request id" in message
