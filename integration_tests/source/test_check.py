"""``check`` says whether the credentials work, and if not, which field to change and how."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from integration_tests.harness.source import SourceHarness

Json = dict[str, Any]
KEY = {"auth_type": "apikey"}


def bad(**credentials: Any) -> Json:
    return {"credentials": credentials}


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


REFUSED: dict[str, tuple[Json, tuple[str, ...]]] = {
    "wrong key": (bad(**KEY, apikey="f" * 32 + "-us10"), ("API Key", "make a new one")),
    "no suffix": (bad(**KEY, apikey="f" * 32), ("API key", "-us")),
    "empty key": (bad(**KEY, apikey=""), ("API Key", "it is empty")),
    "bad token": (bad(auth_type="oauth2.0", access_token="not-a-token"), ("access token", "authorise again")),
    "empty token": (bad(auth_type="oauth2.0", access_token=""), ("access token",)),
    "no credentials": ({"credentials": ...}, ("Credentials are missing", "Authentication")),
    "unknown way to sign in": (bad(auth_type="password"), ("credentials",)),
    "unknown audience": ({"list_ids": ["ffffffffff"]}, ("List ID not found: ffffffffff", "Audience → Settings")),
    "audience's name": ({"list_ids": ["My list"]}, ("List ID not found: My list", "not the audience's name")),
    "start date": ({"start_date": "yesterday"}, ("start_date", "2020-01-01")),
    "too many workers": ({"num_workers": 11}, ("num_workers", "10")),
    "page size": ({"page_size": 0}, ("page_size", "1")),
    "http elsewhere": ({"api_url": "http://mailchimp.example.com"}, ("api_url", "https")),
}


@pytest.mark.parametrize("options, parts", REFUSED.values(), ids=list(REFUSED))
def test_a_configuration_that_cannot_work_is_refused_with_field_and_remedy(
    source: SourceHarness, options: Json, parts: tuple[str, ...]
) -> None:
    """The message names what to change, in words that a person who filled in a form understands."""
    run = source.in_process("check", source.config(**options))

    assert run.answer["status"] == "FAILED"
    for part in parts:
        assert part in run.answer["message"]


@pytest.mark.parametrize("blanks", [" {}", "{}\n"], ids=["before", "after"])
def test_blanks_around_a_key_or_a_token_are_refused_as_such(source: SourceHarness, blanks: str) -> None:
    """Copied with a blank or a line's end it cannot work, and the message says what is wrong with it."""
    key, token = (blanks.format(secret) for secret in (source.simulator.api_key, source.simulator.oauth_token))

    for credentials in ({**KEY, "apikey": key}, {"auth_type": "oauth2.0", "access_token": token}):
        run = source.in_process("check", source.config(**bad(**credentials)))

        assert run.answer["status"] == "FAILED"
        assert "blanks" in run.answer["message"]
        assert "Copy it again without them" in run.answer["message"]


@pytest.mark.parametrize("credentials", ["key", "token"])
def test_working_credentials_pass(source: SourceHarness, credentials: str) -> None:
    """With an API key as with an OAuth token, and with the ids of audiences that exist."""
    [list_id, *_] = [row["row"]["id"] for row in source.simulator.control.ground_truth("/lists", "rows")["rows"]]
    token = bad(auth_type="oauth2.0", client_id="a", client_secret="b", access_token=source.simulator.oauth_token)

    run = source.in_process("check", source.config(**(token if credentials == "token" else {}), list_ids=[list_id]))

    assert run.answer == {"status": "SUCCEEDED"}


def test_a_disabled_user_is_named_as_such(source: SourceHarness) -> None:
    """The key is right; its user is deactivated."""
    key = "d" * 32 + "-us10"
    source.simulator.control.user("disabled", keys=[key], disabled=True)

    run = source.in_process("check", source.config(**bad(**KEY, apikey=key)))

    assert run.answer["status"] == "FAILED"
    assert "User Disabled" in run.answer["message"]
    assert "Reactivate" in run.answer["message"]


def test_a_user_without_permission_is_told_which_role_to_use(source: SourceHarness) -> None:
    """403 problem+json on the account itself."""
    key = "e" * 32 + "-us10"
    source.simulator.control.user("restricted", keys=[key], forbidden=["/"])

    run = source.in_process("check", source.config(**bad(**KEY, apikey=key)))

    assert run.answer["status"] == "FAILED"
    assert "may not read the account" in run.answer["message"]
    assert "Viewer" in run.answer["message"]


def test_an_address_where_nobody_listens_is_said_to_be_unreachable(source: SourceHarness) -> None:
    """A typing error in the data centre, a firewall, or no network."""
    run = source.in_process("check", source.config(api_url=f"http://127.0.0.1:{unused_port()}", retry_seconds=0.3))

    assert run.answer["status"] == "FAILED"
    assert "can't be reached" in run.answer["message"]
    assert "proxy" in run.answer["message"]


def test_the_process_tells_by_its_exit_code_that_it_could_answer(source: SourceHarness) -> None:
    """``check`` answers in its message; a command that can't do its work at all ends with 1."""
    wrong = source.config(**bad(**KEY, apikey="f" * 32 + "-us10"))

    good, refused = source.run("check"), source.run("check", wrong)
    read = source.run("read", wrong, source.catalog(["lists"]))

    assert (good.exit_code, good.answer["status"]) == (0, "SUCCEEDED")
    assert (refused.exit_code, refused.answer["status"]) == (0, "FAILED")
    assert read.exit_code == 1
    assert read.failures[None]["failure_type"] == "config_error"
    assert read.by_stream == {}
    assert (good.stderr, refused.stderr, read.stderr) == ("", "", "")


@pytest.mark.parametrize(
    "fault, words",
    [
        ({"kind": "hang", "seconds": 100}, ("Mailchimp did not answer within 25 seconds", "proxy")),
        ({"kind": "status", "status": 403, "body": "html"}, ("The network in front of Mailchimp answers", "VPN")),
    ],
    ids=["hangs", "refused by the network"],
)
def test_a_person_gets_an_answer_within_half_a_minute(
    source: SourceHarness, fault: Json, words: tuple[str, ...]
) -> None:
    """Whatever Mailchimp does, or doesn't do; and it says what to do about it."""
    source.simulator.control.fault(**fault)
    to_start = source.run("spec").seconds  # on this machine, as busy as it is

    run = source.run("check")

    assert run.seconds - to_start < 30
    assert (run.exit_code, run.answer["status"]) == (0, "FAILED")
    for word in words:
        assert word in run.answer["message"]


@pytest.mark.parametrize("typed", ["one", "one, two", ["one", "two"]])
def test_ids_are_taken_as_people_type_them(source: SourceHarness, typed: str | list[str]) -> None:
    ids = [row["row"]["id"] for row in source.simulator.control.ground_truth("/lists", "rows")["rows"]][:2]
    words = {"one": ids[0], "two": ids[-1]}
    given = (
        [words[word] for word in typed]
        if isinstance(typed, list)
        else ", ".join(words[word.strip()] for word in typed.split(","))
    )

    assert source.in_process("check", source.config(list_ids=given)).answer == {"status": "SUCCEEDED"}
