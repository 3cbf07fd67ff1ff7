"""STATE out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.states import States, with_stats


class TestStates:
    """The echo changes nothing but for the statistics."""

    @given(
        st.dictionaries(
            st.text(),
            st.recursive(
                st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=6,
            ),
        ),
        st.booleans(),
    )
    def test_any_state_comes_back_equal(self, content: dict[str, Any], ascii_only: bool) -> None:  # noqa: FBT001
        content.pop("destinationStats", None)
        message = {"a": [{"state": {}}], "state": content, "type": "STATE", "z": "{"}
        line = json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        back = json.loads(with_stats(line, 3, 1).decode("utf-8", "surrogatepass"))
        stats = back["state"].pop("destinationStats")

        assert back == message
        assert stats == {"recordCount": 3, "rejectedRecordCount": 1}


def test_a_state_of_all_streams_waits_for_what_an_earlier_one_of_a_stream_waits_for() -> None:
    """Its own segment of that stream is empty, as the earlier STATE has begun a new one."""
    emitted: list[bytes] = []
    states, ledger, other = States(emitted.append), StreamLedger("s"), StreamLedger("t")
    record = ledger.receive()
    states.arrive(b'{"type":"STATE","state":{"n":1}}', ledger, [ledger, other])
    states.arrive(b'{"type":"STATE","state":{"n":2}}', None, [ledger, other])
    states.arrive(b'{"type":"STATE","state":{"n":3}}', other, [ledger, other])
    states.emit_ready()
    before = list(emitted)
    record.record_outcome(Outcome.CREATED)
    record.mark_durable()
    states.emit_ready()

    assert before == []
    assert [json.loads(line)["state"]["n"] for line in emitted] == [1, 2, 3]
