"""``make test-live`` against the simulator: it tells which readings hold, and leaves the account as it was."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import jsonschema
import pytest
import requests

from integration_tests.harness.repository import ROOT
from mailchimp_api.client import MailchimpClient
from mailchimp_simulator.client import MEMBERS, SimulatorProcess
from mailchimp_simulator.settings import readings
from probes import hints, listings, paging
from probes.findings import Account, Finding, Unsettled
from probes.run import PROBES, main
from probes.settings import Settings
from probes.surprises import surprises
from source_mailchimp.schemas import schema_of
from source_mailchimp.stream import PerContact
from source_mailchimp.streams import STREAMS

Json = dict[str, Any]
SECOND_KEY = "fedcba9876543210fedcba9876543210-us10"
DOMAIN = "tests.example.org"


NOT_PROBED = {
    # To settle it somebody who was sent a campaign would have to be deleted for good.
    "deletion_deletes_activity",
    # Nobody has written a probe for these yet.
    "audience_has_sms",
    "batch_row_names_field",
    "birthday_as_field_says",
    "double_optin_by_api",
    "email_change_of_unsubscribed",
    "embedded_children",
    "one_group_of_a_choice",
    # Somebody would have to leave by the link in an e-mail.
    "resubscribe_succeeds",
    "resubscribe_silently_ignored",
    "segment_names_unique",
    "segment_totals_told",
    "sms_update_of_existing",
}
READINGS = {name: values for name, values in readings().items() if name not in NOT_PROBED}
# One run with each fact's first reading, one with the second, … : as many as the fact with the most readings has.
ROUNDS = [
    {name: readings[number % len(readings)] for name, readings in READINGS.items()}
    for number in range(max(map(len, READINGS.values())))
]


@dataclass
class Live:
    """Runs ``make test-live`` on the simulator, in this process."""

    simulator: SimulatorProcess
    output: str = ""

    @property
    def list_id(self) -> str:
        """An audience with a field of each type."""
        key: str = self.simulator.control.ground_truth("/lists", "keys")["keys"][1][0]
        return key

    def environment(self, **more: str | None) -> dict[str, str]:
        """What is set in the environment; None takes a variable away."""
        variables = {
            "MAILCHIMP_API_KEY": self.simulator.api_key,
            "MAILCHIMP_API_URL": self.simulator.base_url,
            "MAILCHIMP_LIST_ID": self.list_id,
            "MAILCHIMP_TEST_DOMAIN": DOMAIN,
            "MAILCHIMP_TEST_PAUSE": "0.01",
            **more,
        }
        return {name: value for name, value in variables.items() if value is not None}

    def run(self, *arguments: str, **more: str | None) -> int:
        """The exit code; what was printed is in ``output``."""
        with redirect_stdout(io.StringIO()) as shown:
            code = main(arguments, self.environment(**more))
        self.output = shown.getvalue()
        return code

    def readings(self) -> dict[str, str]:
        """What was said of each fact."""
        facts = {probe.fact for probe in PROBES}
        lines = [line.split(maxsplit=1) for line in self.output.splitlines()]
        return {line[0]: line[1] for line in lines if line and line[0] in facts}

    def account(self) -> list[Any]:
        """All that a probe could have touched: contacts with status and date, segments and tags, merge fields."""
        control = self.simulator.control
        below = ("/lists/{list_id}/segments", "/lists/{list_id}/merge-fields")
        return [control.ground_truth(MEMBERS, "keys"), *(control.ground_truth(path, "rows") for path in below)]


@pytest.fixture(scope="module")
def account() -> Json:
    """A small account: what is read here is held to nothing that takes many rows."""
    return {"contacts": 160, "campaigns": 8, "recipients": 5, "import_size": 20}


@pytest.fixture
def live(simulator: SimulatorProcess) -> Live:
    """``make test-live``, set up to write to an audience of the simulated account."""
    return Live(simulator)


class TestOpenFacts:
    """Each probe reports the reading that holds, and none leaves a trace."""

    @pytest.mark.parametrize("facts", ROUNDS, ids=["first", "second", "third"])
    def test_every_probe_finds_the_reading_that_holds(self, live: Live, facts: Json) -> None:
        """Whatever the account is like, each open fact is settled, and its contacts, tags and fields are as before."""
        live.simulator.control.facts(**facts)
        live.simulator.control.user("owner", keys=[SECOND_KEY])
        live.simulator.control.latency(seconds=0.3, query={"exclude_fields": "members._links"})
        before = live.account()

        code = live.run("--only", "facts", MAILCHIMP_SECOND_API_KEY=SECOND_KEY)

        said = {name: reading.split()[0] for name, reading in live.readings().items()}
        # Of the others the simulator plays one reading only.
        others = {
            "reports_list_variate_children": "false",
            "audience_contacts_since_exclusive": "true",
            "unpaged_take_count": "false",
            "landing_pages_take_offset": "false",
            "last_note_tells_of_notes": "true",
            "tags_count_tells_of_tags": "true",
        }
        assert said == {**{name: str(reading).lower() for name, reading in facts.items()}, **others}
        assert live.account() == before
        assert code == 0
        # Neither keys nor addresses are printed, nor where those are that were made up.
        assert not [word for word in ("@", DOMAIN, live.simulator.api_key, SECOND_KEY) if word in live.output]

    def test_ties_are_made_where_the_account_has_none(self, live: Live) -> None:
        """An account without contacts of the same second gets some, and loses them again."""
        live.simulator.control.rows({MEMBERS: 1, f"{MEMBERS}?status=archived": 0})
        live.simulator.control.facts(tie_order="shuffled")
        live.simulator.control.clock(freeze=True)
        before = live.account()

        live.run("--only", "facts")

        assert live.readings()["tie_order"].startswith("shuffled")
        assert live.account() == before


class TestWithoutAList:
    """Only with an audience and a domain named for it is anything written."""

    @pytest.mark.parametrize("missing", ["MAILCHIMP_LIST_ID", "MAILCHIMP_TEST_DOMAIN"])
    def test_nothing_is_written(self, live: Live, missing: str) -> None:
        assert live.run("--only", "facts", **{missing: None}) == 0

        assert {entry[2] for entry in live.simulator.control.log()} == {"GET"}
        assert live.readings()["batch_takes_tags"] == f"not settled    {missing} not set, so nothing is written"
        assert live.readings()["tie_order"].startswith("stable")
        assert live.readings()["connection_limit_per"].startswith("not settled    MAILCHIMP_SECOND_API_KEY not set")

    def test_without_a_key_nothing_is_asked(self, live: Live) -> None:
        """It says why in one line, and that is no failure."""
        assert live.run(MAILCHIMP_API_KEY=None) == 0

        assert live.output.startswith("live tests: skipped, because MAILCHIMP_API_KEY is not set")
        assert live.output.count("\n") == 1
        assert live.simulator.control.stats()["requests"] == 0

    @pytest.mark.parametrize("domain", ["gmail.com", "localhost", "me@example.org", "a b.org"])
    def test_a_domain_that_is_not_ones_own_is_refused(self, live: Live, domain: str) -> None:
        """Somebody may have an address there."""
        assert live.run(MAILCHIMP_TEST_DOMAIN=domain) == 1

        assert "must be a domain of your own" in live.output
        assert live.simulator.control.stats()["requests"] == 0

    def test_an_unknown_list_is_named(self, live: Live) -> None:
        assert live.run("--only", "facts", MAILCHIMP_LIST_ID="0000000000") == 1

        assert "List ID not found: 0000000000" in live.output


class TestTrouble:
    """Whatever happens, what was made is taken away again, or named."""

    def test_a_call_that_fails_settles_nothing_and_leaves_nothing(self, live: Live) -> None:
        before = live.account()
        live.simulator.control.fault("status", "/lists/{list_id}", method="POST", status=500, body="html")

        live.run("--only", "facts")

        assert live.readings()["batch_takes_tags"].startswith("not settled")
        assert live.readings()["put_tags_ignored_for_existing"].startswith("true")
        assert live.account() == before

    def test_a_write_without_an_answer_is_cleaned_up(self, live: Live) -> None:
        """A contact that was made, though nobody said so, is deleted as well."""
        before = live.account()
        live.simulator.control.fault("lose_answer", f"{MEMBERS}/{{subscriber_hash}}", method="PUT")

        live.run("--only", "facts")

        assert live.simulator.control.stats()["writes"][f"PUT {MEMBERS}/{{subscriber_hash}}"] > 0
        assert live.account() == before

    def test_contacts_that_cannot_be_deleted_are_archived_and_named(self, live: Live) -> None:
        """By their number, not their address; and the command fails."""
        archived = live.simulator.control.ground_truth(MEMBERS)["by_status"]["archived"]
        path = f"{MEMBERS}/{{subscriber_hash}}/actions/delete-permanent"
        live.simulator.control.fault("status", path, status=403)

        assert live.run("--only", "facts") == 1

        left = [line for line in live.output.splitlines() if "is left: " in line]
        assert left
        assert all(line.startswith("the contact live-test-") and "it is archived" in line for line in left)
        assert live.simulator.control.ground_truth(MEMBERS)["by_status"]["archived"] - archived == len(left)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ctrl_c_cleans_up(self, live: Live, number: signal.Signals) -> None:
        """Ctrl-C in the middle of a probe, and what ends a process from outside, delete what was made so far."""
        before = live.account()
        live.simulator.control.latency(seconds=20, path="/lists/{list_id}", method="POST")
        process = subprocess.Popen(
            [sys.executable, "-m", "probes", "--only", "facts"],
            cwd=ROOT,
            env=live.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            end = time.monotonic() + 60
            # The first contact is there, and the batch that the probe tries on it is being answered.
            while f"PUT {MEMBERS}/{{subscriber_hash}}" not in live.simulator.control.stats()["writes"]:
                assert time.monotonic() < end
                time.sleep(0.05)
            process.send_signal(number)
            output, _ = process.communicate(timeout=120)
        finally:
            process.kill()
            process.communicate()

        assert process.returncode == 130
        assert "cleaned up" in output
        assert live.account() == before


class Canned:
    """Stands in for a client where the simulator knows one reading only: answers as a function says."""

    def __init__(self, answer: Callable[[str, Json], list[Json]]) -> None:
        self._answer = answer

    def get(self, path: str, params: Json | None = None, *, items: str = "") -> Json:
        """The rows that the function gives for this request."""
        return {items: self._answer(path, dict(params or {}))}


def canned(answer: Callable[[str, Json], list[Json]]) -> Account:
    """An account where nothing may be written, and whose answers are those of a function."""
    return Account(cast("MailchimpClient", Canned(answer)), Settings("key-us10"))


class TestOtherReadings:
    """What only a real account may show would be noticed."""

    @pytest.mark.parametrize("listed,reading", [(["a", "b"], "true"), (["a"], "some"), ([], "false")])
    def test_children_of_variate_campaigns_among_the_reports(self, listed: list[str], reading: str) -> None:
        def answer(path: str, _params: Json) -> list[Json]:
            ids = {"campaigns": ["v"], "reports/v/sub-reports": ["a", "b"], "reports": ["v", *listed]}[path]
            return [{"id": each} for each in ids]

        assert listings.reports_list_variate_children(canned(answer)).reading == reading

    def test_an_account_without_variate_campaigns_settles_nothing_about_them(self) -> None:
        with pytest.raises(Unsettled, match="no sent variate campaign"):
            listings.reports_list_variate_children(canned(lambda _path, _params: []))

    @pytest.mark.parametrize("inclusive,reading", [(True, "false"), (False, "true")])
    def test_an_inclusive_bound_of_contacts(self, inclusive: bool, reading: str) -> None:  # noqa: FBT001
        moment = "2026-01-01T00:00:01+00:00"

        def answer(path: str, params: Json) -> list[Json]:
            if path == "audiences":
                return [{"id": "a"}]
            since = params.get("updated_since", "")
            return [{"id": "c", "last_updated_at": moment}] if since < moment or inclusive else []

        assert listings.audience_contacts_since_exclusive(canned(answer)).reading == reading

    def test_an_endpoint_that_takes_count_after_all(self) -> None:
        """Also one that shows ten rows unless it is asked for more: then the source would lose rows."""

        def answer(path: str, params: Json) -> list[Json]:
            if path == "lists":
                return [{"id": "a"}]
            rows = {"lists/a/clients": 3, "lists/a/webhooks": 12}.get(path, 0)
            first = params.get("offset", 0)
            return [{"id": number} for number in range(rows)][first : first + params.get("count", 10)]

        found = paging.unpaged_take_count(canned(answer))

        assert found.reading == "true"
        assert "count and offset: list_clients" in found.remark
        assert "CUT at 10 rows without count: list_webhooks" in found.remark

    def test_an_offset_of_landing_pages(self) -> None:
        def answer(_path: str, params: Json) -> list[Json]:
            return [{"id": number} for number in range(params.get("offset", 0), 3)][: params["count"]]

        assert paging.landing_pages_take_offset(canned(answer)) == Finding("true")

    def test_notes_that_no_row_tells_of(self) -> None:
        numbers = count()

        def answer(path: str, _params: Json) -> list[Json]:
            if path.endswith("/members"):
                return [{"id": "a", "last_note": {"note_id": 1}}, {"id": "b"}]
            return [{"id": next(numbers)}]

        found = hints.last_note_tells_of_notes(canned(answer))

        assert found.reading == "false"
        assert "1 contacts have notes untold" in found.remark


class TestReading:
    """The whole account is read with the real command."""

    @pytest.fixture(scope="class")
    @staticmethod
    def output(simulator_process: SimulatorProcess) -> str:
        """What a run prints for an account with one thing in it that the schema doesn't know."""
        simulator_process.control.reset()
        folder = {"name": "Folder", "surprise": 5}
        auth = ("any", simulator_process.api_key)
        requests.post(f"{simulator_process.api_url}/template-folders", json=folder, auth=auth, timeout=10)
        done = subprocess.run(
            [sys.executable, "-m", "probes", "--only", "reading"],
            cwd=ROOT,
            env={"MAILCHIMP_API_KEY": simulator_process.api_key, "MAILCHIMP_API_URL": simulator_process.base_url},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    @pytest.fixture(scope="class")
    @staticmethod
    def table(output: str) -> dict[str, list[str]]:
        """The table: rows, seconds and surprises by stream."""
        lines = [line.split() for line in output.splitlines()]
        return {line[0]: line[1:] for line in lines if line and line[0] in STREAMS}

    def test_every_stream_has_its_row(self, table: dict[str, list[str]], simulator_process: SimulatorProcess) -> None:
        """But those that take a request for each contact; rows are as many as there are."""
        wanted = {name for name, stream in STREAMS.items() if not isinstance(stream.reading, PerContact)}
        paths = {
            name: f"/{STREAMS[name].path}" for name in ("lists", "list_members", "template_folders", "merge_fields")
        }

        assert set(table) == wanted
        assert {name: int(table[name][0]) for name in paths} == {
            name: simulator_process.control.ground_truth(path)["count"] for name, path in paths.items()
        }

    def test_what_the_schema_does_not_know_is_named(self, output: str, table: dict[str, list[str]]) -> None:
        """The field and its type, not what is in it."""
        rows = table["template_folders"][0]
        unknown = [line for line in output.splitlines() if line.startswith("surprise: template_folders")]

        assert unknown == [
            f"surprise: template_folders: surprise: a field the schema doesn't know (integer) (1 of {rows} rows)"
        ]

    def test_no_record_is_shown(self, output: str, simulator_process: SimulatorProcess) -> None:
        assert "@" not in output
        assert "Folder" not in output
        assert simulator_process.api_key not in output

    def test_a_key_that_is_refused_ends_it(self, live: Live) -> None:
        """The connector's own words say why."""
        assert live.run("--only", "reading", MAILCHIMP_API_KEY="00000000000000000000000000000000-us10") == 1

        assert "check: FAILED Invalid API Key" in live.output


VALUES: tuple[Any, ...] = (None, True, 1, 1.5, "text", [], {}, [1], {"a": 1}, ["text"], [{}])


class TestSurprises:
    """Records are held to their schemas."""

    @pytest.mark.parametrize("name", STREAMS)
    def test_types_are_judged_as_json_schema_does(self, name: str) -> None:
        """Whatever is put into a field of a stream, the verdict is jsonschema's."""
        schema = schema_of(STREAMS[name])
        validator = jsonschema.Draft7Validator(schema)
        records = [{field: value} for field in schema["properties"] for value in VALUES]

        judged = [not any(" instead of " in what for _, what in surprises(schema, record)) for record in records]

        assert judged == [validator.is_valid(record) for record in records]

    @pytest.mark.parametrize(
        "value,what",
        [
            ({"n": "1"}, [("n", "text instead of integer")]),
            ({"inner": {"later": [1]}}, [("inner.later", "a field the schema doesn't know (array)")]),
            ({"rows": [{"at": ""}, {"at": "2026-01-01T00:00:00Z"}]}, [("rows[].at", "text that is no date-time")]),
            ({"free": {"FNAME": 1}}, []),
            ({"day": "2026-02-30"}, [("day", "text that is no date")]),
        ],
    )
    def test_a_surprise_says_where_and_what(self, value: Json, what: list[tuple[str, str]]) -> None:
        schema = {
            "properties": {
                "n": {"type": ["null", "integer"]},
                "inner": {"type": "object", "properties": {"known": {}}},
                "rows": {"type": "array", "items": {"properties": {"at": {"type": "string", "format": "date-time"}}}},
                "free": {"type": "object", "properties": {}, "additionalProperties": True},
                "day": {"type": "string", "format": "date"},
            }
        }

        assert list(surprises(schema, value)) == what


class TestDocument:
    """docs/live-tests.md says all there is to know."""

    @pytest.fixture(scope="class")
    @staticmethod
    def text() -> str:
        return (ROOT / "docs" / "live-tests.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.fact)
    def test_every_probe_is_explained(self, text: str, probe: Any) -> None:
        assert f"| `{probe.fact}` |" in text

    def test_every_open_fact_has_a_probe(self) -> None:
        assert set(READINGS) <= {probe.fact for probe in PROBES}

    @pytest.mark.parametrize("variable", ["API_KEY", "LIST_ID", "TEST_DOMAIN", "SECOND_API_KEY", "TEST_PAUSE"])
    def test_every_variable_is_explained(self, text: str, variable: str) -> None:
        assert f"`MAILCHIMP_{variable}`" in text
