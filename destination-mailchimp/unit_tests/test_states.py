"""STATE out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from destination_mailchimp.accounting.states import with_stats


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
