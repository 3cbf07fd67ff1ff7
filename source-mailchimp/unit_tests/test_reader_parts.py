"""The small parts of the reader: making records, telling which campaigns have news, handing on."""

from __future__ import annotations

import asyncio
import copy
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_mailchimp.reader.campaign_changes import ReportChangeDetector
from source_mailchimp.reader.fingerprints import activity_fingerprint, last_activity
from source_mailchimp.reader.output import Checkpoint, Estimate, Event, Records, StreamOutput
from source_mailchimp.reader.partitions import Partition, Progress, partitions_of
from source_mailchimp.reader.places import PartitionKey
from source_mailchimp.reader.records import RecordMaker, flattened_of, hash_of, row_fingerprint, row_key_of
from source_mailchimp.reader.state import ResumePoint
from source_mailchimp.stream import Record, Stream
from source_mailchimp.streams import STREAMS
from unit_tests.mailchimp_model import date, moment, run


class TestRecords:
    def test_links_go_and_empty_dates_become_null(self) -> None:
        maker = RecordMaker(STREAMS["list_members"])
        row = {"id": "a", "_links": [], "last_changed": "", "timestamp_opt": date(5), "full_name": ""}

        [record] = maker.records([row], {"list_id": "l1"})

        assert record == {
            "id": "a",
            "last_changed": None,
            "timestamp_opt": date(5),
            "full_name": "",
            "list_id": "l1",
        }

    def test_a_path_parameter_replaces_nothing_that_the_row_has(self) -> None:
        maker = RecordMaker(STREAMS["list_members"])

        [record] = maker.records([{"id": "a", "list_id": "of the row"}], {"list_id": "of the path"})

        assert record["list_id"] == "of the row"

    def test_a_made_key_is_the_same_for_the_same_row_and_another_for_any_other(self) -> None:
        maker = RecordMaker(STREAMS["campaign_advice"])
        rows = [{"type": "a", "message": "m"}, {"type": "a", "message": "m"}, {"type": "a", "message": "n"}]

        keys = [record["advice_id"] for record in maker.records(copy.deepcopy(rows), {"campaign_id": "c"})]

        assert (keys[0] == keys[1], keys[0] == keys[2]) == (True, False)

    @given(st.lists(st.none() | st.text(max_size=3) | st.integers(0, 3), max_size=4))
    def test_a_hash_tells_where_one_value_ends_and_the_next_begins(self, values: list[object]) -> None:
        assert hash_of(values) == hash_of(list(values))
        assert hash_of([*values, None]) != hash_of(values)

    @pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
    def test_a_row_has_the_same_key_in_every_answer_and_different_rows_have_different_ones(
        self, stream: Stream
    ) -> None:
        """Also rows that lack every field of the key: then all they hold tells them apart."""
        key = row_key_of(stream)
        flattened = flattened_of(stream)
        names = [*stream.key, *stream.hash_key, *(flattened.row_key if flattened else ())]
        rows = [
            {name: f"{name}{number}" for name in names if name not in stream.parameters} | {"note": number}
            for number in range(2)
        ]
        bare: list[Record] = [{"note": 1}, {"note": 2}]

        assert key(copy.deepcopy(rows[0])) == key(rows[0])
        assert key(rows[0]) != key(rows[1])
        assert len({key(row) for row in bare}) == 2
        assert row_fingerprint(key(rows[0])) == row_fingerprint(key(copy.deepcopy(rows[0])))

    @pytest.mark.parametrize("name", ["email_activity", "list_members"], ids=["a key of one field", "a key of two"])
    def test_a_value_that_can_be_no_key_is_no_trouble(self, name: str) -> None:
        key = row_key_of(STREAMS[name])
        rows = [{field: [number], "id": {"number": number}} for field in ("email_id", "list_id") for number in (1, 2)]

        assert len({key(row) for row in rows}) == 4


def report(name: str = "r1", **values: object) -> Record:
    return {"id": name, "send_time": date(1000), **values}


class TestGate:
    def test_the_newest_of_send_open_and_click_is_the_last_activity(self) -> None:
        opened = report(opens={"last_open": date(3000)}, clicks={"last_click": date(2000)})

        assert last_activity(opened) == moment(3000)
        assert last_activity(report(opens={"last_open": ""}, clicks=None)) == moment(1000)
        assert last_activity({"id": "r1", "send_time": ""}) is None

    @pytest.mark.parametrize(
        "values, cursor, is_new",
        [
            ({}, None, True),
            ({}, 999, True),
            ({}, 1000, True),
            ({}, 1001, False),
            ({"opens": {"last_open": date(5000)}}, 5000, True),
            ({"opens": {"last_open": date(5000)}}, 5001, False),
            ({"send_time": ""}, 5000, True),
            ({"send_time": date(999_000)}, 999_999, True),
        ],
    )
    def test_a_campaign_changed_since_from_the_second_of_the_cursor_on(
        self,
        values: Record,
        cursor: int | None,
        is_new: bool,  # noqa: FBT001
    ) -> None:
        detector = ReportChangeDetector([], until=moment(1_000_000), lookback=timedelta(seconds=5000))

        assert detector.changed_since(report(**values), None if cursor is None else moment(cursor)) == is_new

    @pytest.mark.parametrize(
        "change",
        [
            {"emails_sent": 2},
            {"unsubscribed": 1},
            {"abuse_reports": 1},
            {"bounces": {"hard_bounces": 1}},
            {"bounces": {"soft_bounces": 1}},
            {"bounces": {"syntax_errors": 1}},
        ],
        ids=str,
    )
    def test_what_only_counts_tell_is_news(self, change: Record) -> None:
        before = activity_fingerprint([report(emails_sent=1), report("r2")])
        after = [report(**{"emails_sent": 1, **change}), report("r2")]
        detector = ReportChangeDetector(after, until=moment(10**7), lookback=timedelta(0), fingerprint=tuple(before))

        assert [detector.changed_since(row, moment(10**6)) for row in after] == [True, False]

    def test_counts_that_can_not_be_read_may_all_have_changed(self) -> None:
        detector = ReportChangeDetector([report()], until=moment(10**7), lookback=timedelta(0), fingerprint=(1, 2))

        assert detector.changed_since(report(), moment(10**6))

    @pytest.mark.parametrize(
        "values, is_new",
        [
            ({}, False),
            ({"emails_sent": 9}, False),
            ({"unsubscribed": 1}, True),
            ({"abuse_reports": 1}, True),
            ({"bounces": {"soft_bounces": 1}}, True),
            ({"opens": {"last_open": date(10**6)}}, True),
        ],
        ids=str,
    )
    def test_before_any_sync_what_counts_tell_may_have_come_since_the_start_date(
        self,
        values: Record,
        is_new: bool,  # noqa: FBT001
    ) -> None:
        detector = ReportChangeDetector([report(**values)], until=moment(10**7), lookback=timedelta(0))

        assert detector.changed_since(report(**values), moment(10**6)) == is_new

    def test_a_report_that_came_twice_counts_once(self) -> None:
        assert activity_fingerprint([report(emails_sent=3), report(emails_sent=3)]) == activity_fingerprint(
            [report(emails_sent=3)]
        )


def partitions(count: int) -> list[Partition]:
    """So many, in the order of their positions."""
    names = [f"{number:04}" for number in range(count)]
    return [Partition(PartitionKey(f"s{name}"), (name,), {}, {}) for name in names]


class TestProgress:
    @given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.integers(0, 12))
    def test_whenever_it_stops_what_is_done_is_known_and_nothing_else(
        self, order: list[int], failing: set[int], stopped: int
    ) -> None:
        pending = partitions(12)
        progress = Progress(ResumePoint(until=moment(1)), pending)
        done = set()
        for number in order[:stopped]:
            if number in failing:
                progress.fail(number)
            else:
                progress.finish(number)
                done.add(number)

        known = {number for number, item in enumerate(pending) if progress.run.is_done(item.id, item.position)}
        assert known == done

    def test_what_is_done_in_order_leaves_one_position_behind(self) -> None:
        pending = partitions(5000)
        progress = Progress(ResumePoint(until=moment(1)), pending)
        for number in range(5000):
            progress.finish(number)

        assert (progress.run.slices, progress.run.after) == ({}, ("4999",))

    def test_nobody_runs_far_ahead_of_many_slow_ones(self) -> None:
        """The state names those that are left behind, and those done beyond the first that isn't."""

        async def work() -> None:
            pending = partitions(1000)
            progress = Progress(ResumePoint(until=moment(1)), pending)
            for number in range(100, 300):
                progress.finish(number)
            waiting = asyncio.ensure_future(progress.wait_within_window(501))
            await asyncio.sleep(0)
            assert not waiting.done()
            assert len(progress.run.slices) <= 300
            progress.finish(0)
            progress.finish(300)
            await waiting

        run(work)

    def test_one_that_takes_long_holds_nobody_up_and_is_not_forgotten(self) -> None:
        pending = partitions(1000)
        progress = Progress(ResumePoint(until=moment(1)), pending)

        async def work() -> None:
            for number in range(1, 1000):
                await progress.wait_within_window(number)
                progress.finish(number)

        run(work)

        assert not progress.run.is_done(pending[0].id, pending[0].position)
        assert progress.run.is_done(pending[999].id, pending[999].position)
        progress.finish(0)
        assert (progress.run.slices, progress.run.after) == ({}, ("0999",))

    def test_slices_come_by_send_time_and_then_by_id_and_each_once(self) -> None:
        parents = [
            {"id": "b", "send_time": date(5)},
            {"id": "a", "send_time": date(5)},
            {"id": "c", "send_time": date(1)},
            {"id": "a", "send_time": date(5)},
            {"id": ""},
            {"send_time": date(2)},
        ]

        assert [item.id for item in partitions_of(STREAMS["sent_to"], parents)] == ["c", "a", "b"]

    def test_ids_with_a_slash_in_them_make_no_two_slices_the_same(self) -> None:
        parents = [{"store_id": "a", "id": "b/c"}, {"store_id": "a/b", "id": "c"}, {"store_id": "a", "id": "b%2Fc"}]

        assert len({item.id for item in partitions_of(STREAMS["product_variants"], parents)}) == 3


class TestOutput:
    def events(self, work: Any) -> list[Event]:
        queue: asyncio.Queue[Event] = asyncio.Queue()

        async def fill() -> None:
            await work(StreamOutput(STREAMS["list_members"], queue, rows_per_state=900))

        run(fill)
        return [queue.get_nowait() for _ in range(queue.qsize())]

    def test_a_state_holds_for_what_came_before_it_and_comes_now_and_then(self) -> None:
        async def work(out: StreamOutput) -> None:
            for number in range(3):
                await out.emit_records([{"id": str(number)}] * 450, {})
                await out.emit_state(partial(dict, version=number))
            await out.emit_state(lambda: {"version": 9}, now=True)

        told = [event.state["version"] if isinstance(event, Checkpoint) else "rows" for event in self.events(work)]

        assert told == ["rows", "rows", 1, "rows", 9]

    def test_a_state_comes_after_some_seconds_however_few_rows_there_were(self) -> None:
        """Ten thousand campaigns with a row each must not be read again because of the last one."""

        async def work(out: StreamOutput) -> None:
            for number in range(10):
                await out.emit_records([{"id": str(number)}], {})
                await out.emit_state(partial(dict, version=number))
                await asyncio.sleep(1)

        told = [event for event in self.events(work) if isinstance(event, Checkpoint)]

        assert 3 <= len(told) <= 6

    def test_no_rows_are_no_event(self) -> None:
        async def work(out: StreamOutput) -> None:
            await out.emit_records([], {})

        assert self.events(work) == []

    def test_an_estimate_is_told_before_the_rows_and_again_only_when_it_has_grown(self) -> None:
        async def work(out: StreamOutput) -> None:
            for more in (100, 5, 50):
                out.expect(more)
                await out.emit_records([{"id": "a"}], {})

        events = self.events(work)

        assert [event.rows for event in events if isinstance(event, Estimate)] == [100, 155]
        assert [type(event) for event in events] == [Estimate, Records, Records, Estimate, Records]
