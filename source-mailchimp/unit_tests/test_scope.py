"""An audience that is chosen later is read from its beginning, and one that is not is not read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import Reader, Site, date, every_state_goes_out
from unit_tests.sites import REPORTS, UNSUBSCRIBES, campaigns, ids, leave, report


@pytest.fixture(autouse=True)
def _every_state_goes_out() -> Iterator[None]:
    with every_state_goes_out():
        yield


class TestScope:
    def test_an_audience_that_is_added_later_is_read_from_its_beginning(self) -> None:
        site = campaigns(3)
        site.tables["reports"].append(report("other", audience="l2"))
        leave(site, site.tables["reports"][-1], "e9", 2000)
        for stream, key in ((REPORTS, "id"), (UNSUBSCRIBES, "campaign_id")):
            one = Reader(site, stream, list_ids=["l1"], refresh_window_days=1)
            assert one.sync()
            both = Reader(site, stream, list_ids=["l1", "l2"], refresh_window_days=1)
            both.state = one.state
            assert both.sync()

            assert "other" not in {row[key] for row in one.emitted}
            assert "other" in {row[key] for row in both.emitted}

    @pytest.mark.parametrize("full_refresh", [False, True])
    @pytest.mark.parametrize("name", ["reports", "unsubscribes"])
    def test_an_audience_that_is_added_after_a_kill_is_read_from_its_beginning(
        self,
        name: str,
        full_refresh: bool,  # noqa: FBT001
    ) -> None:
        """Its campaigns stand among those that the killed sync had passed. So they do if it was left out a while."""
        for begun, kill in itertools.product((0, 6, 20), range(2, 100, 7)):
            site = campaigns(30)
            site.tables["reports"].insert(15, report("r0014-other", audience="l2"))
            leave(site, site.tables["reports"][15], "e9", 2000)
            options: dict[str, Any] = {"page_size": 5, "refresh_window_days": 1, "full_refresh": full_refresh}
            both, one = (Reader(site, STREAMS[name], list_ids=ids, **options) for ids in (["l1", "l2"], ["l1"]))
            both.sync(kill_after=begun)
            one.state = both.state
            one.sync(kill_after=kill)
            both.state = one.state

            assert both.sync()

            key = "id" if name == "reports" else "campaign_id"
            emitted = {row[key] for row in [*one.emitted, *both.emitted]}
            assert emitted == ids(site.tables["reports"]), f"killed after {begun} and {kill} events"

    def test_a_number_in_place_of_an_audiences_id_says_nothing(self) -> None:
        """Where the row's parent names the audience, that decides; where nothing does, the row belongs to none."""
        site = Site(
            tables={
                "conversations": [{"id": "c1", "list_id": "l1"}, {"id": "c2", "list_id": "l2"}],
                "conversations/c1/messages": [{"id": "m1", "list_id": 17, "timestamp": date(5)}],
                "conversations/c2/messages": [{"id": "m2", "list_id": 18, "timestamp": date(5)}],
                "sms-campaigns": [{"id": "s1", "list_id": 17}],
            }
        )
        messages = Reader(site, STREAMS["conversation_messages"], list_ids=["l1"])
        texts = Reader(site, STREAMS["sms_campaigns"], full_refresh=True, list_ids=["l1"])

        assert messages.sync()
        assert texts.sync()

        assert (ids(messages.emitted), ids(texts.emitted)) == ({"m1"}, {"s1"})

    def test_a_quiet_account_has_no_news(self) -> None:
        site = campaigns(30)
        reader = Reader(site, UNSUBSCRIBES)
        assert reader.sync()
        site.requests.clear()
        site.now += 100

        assert reader.sync()

        assert [path for path, _ in site.requests if path.endswith("/unsubscribed")] == []
