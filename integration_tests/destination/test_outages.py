"""An outage of everything that writes is waited out, though reading goes well: it is no contact's own fault."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any

import pytest

from integration_tests.harness.destination import DestinationHarness

WRITING = ("POST", "PUT", "PATCH", "DELETE")
BATCH = "POST /lists/{list_id}"
FAULTS: dict[str, dict[str, Any]] = {
    "500 with a problem": {"status": 500, "title": "InternalServerError", "detail": "An unexpected error."},
    "502 with HTML": {"status": 502, "body": "html"},
    "504 with HTML": {"status": 504, "body": "html"},
}


def strike(destination: DestinationHarness, fault: str) -> None:
    """Have every writing call answered so."""
    for method in WRITING:
        destination.control.fault("status", regex="/lists/", method=method, **FAULTS[fault])


@pytest.mark.parametrize("fault", FAULTS)
class TestWhileNothingIsWritten:
    """120 contacts, half of whom exist."""

    def people(self, destination: DestinationHarness) -> list[bytes]:
        there = [row["email_address"] for row in destination.members() if row["status"] == "subscribed"][:60]
        addresses = [*there, *(f"new{number}@example.com" for number in range(60))]
        lines = [destination.record({"id": n, "email": address}) for n, address in enumerate(addresses)]
        return [*lines, destination.state(120)]

    def test_one_that_ends_costs_nobody_anything(self, destination: DestinationHarness, fault: str) -> None:
        destination.attempts, destination.longest_wait = 10_000, 0.01
        lines = self.people(destination)
        strike(destination, fault)
        ends = threading.Timer(2.0, destination.control.clear_faults)
        ends.start()
        run = destination.write(lines, destination.config(tags="Back"))
        ends.join()
        written = [
            call
            for call in destination.control.log()
            if call[2] == "POST" and call[3] == f"/lists/{destination.list_id}" and call[5] < HTTPStatus.BAD_REQUEST
        ]

        assert run.exit_code == 0, run.log
        assert run.accounting() == {"received": 120, "created": 60, "updated": 60}
        assert len(run.of("STATE")) == 1
        # In some pieces, not one by one.
        assert len(written) < 60

    def test_one_that_lasts_rejects_nobody(self, destination: DestinationHarness, fault: str) -> None:
        lines = self.people(destination)
        destination.attempts, destination.longest_wait = 60, 0.01
        strike(destination, fault)
        run = destination.write(lines)

        assert run.exit_code == 1
        assert run.accounting() == {"received": 120, "not_written": 120}
        assert run.of("STATE") == []
        assert "given up after" in run.log
        # Made smaller a few times, to see whether anything is written; then waited out.
        assert destination.calls(BATCH) < destination.attempts + 150
