"""``make test-live`` against the simulator: it tells which readings hold, and leaves the account as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from integration_tests.harness.live import DOMAIN, Json, Live
from integration_tests.harness.repository import ROOT
from mailchimp_simulator.client import MEMBERS
from mailchimp_simulator.settings import readings
from probes.findings import Probe
from probes.run import PROBES

SECOND_KEY = "fedcba9876543210fedcba9876543210-us10"
NOT_PROBED = {
    # Somebody who was sent a campaign would have to be deleted for good.
    "deletion_deletes_activity",
    # Somebody would have to leave by the link in an e-mail.
    "resubscribe_succeeds",
    "resubscribe_silently_ignored",
    # A campaign would have to be sent in several versions, and be opened.
    "split_totals",
    # A message would go out to a telephone number, and none is surely nobody's.
    "audience_has_sms",
    "sms_update_of_existing",
}
# In an audience with double opt-in, which the other probes' contacts would have to confirm.
APART = {"double_optin_by_api"}
LINES = "/ecommerce/stores/{store_id}/orders/{order_id}/lines"
READINGS = {name: values for name, values in readings().items() if name not in NOT_PROBED | APART}
# One run with each fact's first reading, one with the second, … : as many as the fact with the most readings has.
ROUNDS = [
    {name: readings[number % len(readings)] for name, readings in READINGS.items()}
    for number in range(max(map(len, READINGS.values())))
]


class TestOpenFacts:
    """Each probe reports the reading that holds, and none leaves a trace."""

    @pytest.mark.parametrize("facts", ROUNDS, ids=["first", "second", "third"])
    def test_every_probe_finds_the_reading_that_holds(self, live: Live, facts: Json) -> None:
        """Whatever the account is like, each open fact is settled, and its contacts, tags and fields are as before."""
        live.simulator.control.rows({LINES: 12})
        live.prepare_choices()
        live.simulator.control.facts(**facts)
        live.simulator.control.user("owner", keys=[SECOND_KEY])
        live.simulator.control.latency(seconds=0.3, query={"exclude_fields": "members._links"})
        before = live.account()

        code = live.run("--only", "facts", MAILCHIMP_SECOND_API_KEY=SECOND_KEY)

        said = {name: reading.split()[0] for name, reading in live.readings().items() if name not in APART}
        # Of the others the simulator plays one reading only.
        others = {
            "reports_list_variate_children": "false",
            "audience_contacts_since_exclusive": "true",
            "landing_pages_take_offset": str(facts["paging_everywhere"]).lower(),
            "last_note_tells_of_notes": "true",
            "tags_count_tells_of_tags": "true",
        }
        assert said == {**{name: str(reading).lower() for name, reading in facts.items()}, **others}
        assert live.account() == before
        assert code == 0
        # Neither keys nor addresses are printed, nor where those are that were made up.
        assert not [word for word in ("@", DOMAIN, live.simulator.api_key, SECOND_KEY) if word in live.output]

    @pytest.mark.parametrize("pending", [False, True])
    def test_double_opt_in_is_looked_at_where_there_is_any(self, live: Live, pending: bool) -> None:  # noqa: FBT001
        audiences = live.simulator.control.ground_truth("/lists", "rows")["rows"]
        [list_id] = [entry["row"]["id"] for entry in audiences if entry["row"]["double_optin"]]
        live.simulator.control.facts(double_optin_by_api=pending)
        before = live.account()

        live.run("--only", "facts", MAILCHIMP_LIST_ID=list_id)

        assert live.readings()["double_optin_by_api"].split()[0] == str(pending).lower()
        assert live.account() == before

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


class TestDocument:
    """docs/live-tests.md says all there is to know."""

    @pytest.fixture(scope="class")
    @staticmethod
    def text() -> str:
        return (ROOT / "docs" / "live-tests.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.fact)
    def test_every_probe_is_explained(self, text: str, probe: Probe) -> None:
        assert f"| `{probe.fact}` |" in text

    def test_every_open_fact_has_a_probe(self) -> None:
        assert set(READINGS) <= {probe.fact for probe in PROBES}

    @pytest.mark.parametrize("fact", sorted(NOT_PROBED))
    def test_a_fact_without_one_is_explained(self, text: str, fact: str) -> None:
        assert f"`{fact}`" in text

    @pytest.mark.parametrize("variable", ["API_KEY", "LIST_ID", "TEST_DOMAIN", "SECOND_API_KEY", "TEST_PAUSE"])
    def test_every_variable_is_explained(self, text: str, variable: str) -> None:
        assert f"`MAILCHIMP_{variable}`" in text
