"""From a line of input to a contact, a STATE or nothing."""

from __future__ import annotations

import logging

import orjson
import pytest
import requests_mock

from destination_mailchimp.accounting.ledger import Outcome, StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import Audience
from destination_mailchimp.config import read_config
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.attributes import ATTRIBUTES
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import Mapped, RecordMapper
from unit_tests.builders import CONFIG, LIST, Sync, batch_answer


class TestMessageReader:
    """A STATE waits for the records that came before it, whichever way their stream is named."""

    def reader(self, namespaces: list[str | None]) -> tuple[MessageReader, States, list[bytes]]:
        config = read_config(CONFIG)
        columns = Columns(config, Audience("abc", "News"))
        known = {
            (space, "people"): (
                RecordMapper(ConfiguredStream("people", space, [["id"]], []), config, columns),
                StreamLedger("people", space),
            )
            for space in namespaces
        }
        emitted: list[bytes] = []
        states = States(emitted.append)
        return MessageReader(known, states, Rejects(None)), states, emitted

    def record(self, namespace: str | None) -> bytes:
        data = {"id": 1, "email": f"{namespace}@example.com"}
        return orjson.dumps({"type": "RECORD", "record": {"stream": "people", "namespace": namespace, "data": data}})

    def state(self, name: str, **namespace: str | None) -> bytes:
        stream = {"stream_descriptor": {"name": name, **namespace}, "stream_state": {}}
        return orjson.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})

    @pytest.mark.parametrize(
        "name,namespace", [("people", {}), ("people", {"namespace": "c"}), ("strangers", {"namespace": "a"})]
    )
    def test_one_of_an_unknown_stream_waits_for_all(self, name: str, namespace: dict[str, str | None]) -> None:
        reader, states, emitted = self.reader(["a", "b"])
        taken = [reader.take(self.record(space)) for space in ("a", "b")]
        reader.take(self.state(name, **namespace))
        for contact in (item.contact for item in taken if isinstance(item, Mapped)):
            states.emit_ready()
            assert emitted == []
            contact.receipt.mark_durable()
        states.emit_ready()

        assert len(emitted) == 1

    def test_an_empty_namespace_is_none(self) -> None:
        reader, states, emitted = self.reader([None, "b"])
        taken = reader.take(self.record(None))
        reader.take(self.record("b"))
        reader.take(self.state("people", namespace=""))
        states.emit_ready()

        assert emitted == []
        assert isinstance(taken, Mapped)
        taken.contact.receipt.mark_durable()
        states.emit_ready()
        assert len(emitted) == 1


class TestInternalErrors:
    """An error in the connector is no bad record: it is told once, counted apart, and no STATE passes it."""

    def test_the_others_are_written_and_the_sync_fails_at_its_end(
        self,
        calls: Calls,
        mock: requests_mock.Mocker,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def broken(_: object, value: object) -> None:
            raise AttributeError(f"{value} has no such thing")

        mock.get(f"{LIST}/members", json={"members": [], "total_items": 0})
        mock.post(LIST, json=lambda request, _: batch_answer(created=request.json()["members"]))
        monkeypatch.setitem(ATTRIBUTES, "language", broken)
        sync = Sync(calls)
        with caplog.at_level(logging.ERROR):
            sync.feed(
                [{"id": n, "email": f"{n}@example.com"} | ({"language": "en"} if n < 3 else {}) for n in range(5)]
            )

        assert dict(sync.ledger.outcomes) == {Outcome.CREATED: 2, Outcome.NOT_WRITTEN: 3}
        assert sync.ledger.reasons == {"not written: internal error": 3}
        assert caplog.text.count("Traceback") == 1
        assert sync.emitted == []
        assert dict(sync.messages.internal_errors) == {"AttributeError": 3}


class TestBrokenLines:
    """A line that was meant as a record is a rejected record; any other is ignored and counted."""

    @pytest.mark.parametrize(
        "line,rejected",
        [
            (b'{"type":"RECORD","record":{"stream":"people","data":{"id":1,"em', True),
            (b'{"type":"RECORD","record":{"stream":"people","data":{"id":' + b"1" * 5000 + b"}}}", True),
            (b'{"type":"RECORD","record":{"stream":"people","data":' + b"[" * 1100 + b"]" * 1100 + b"}}", True),
            (b"id,email", False),
            (b'{"id": 1, "email": "a@example.com"}', False),
            (b'{"type":"RECORD","rec', True),
            (b'{"type":"RECORD","record":null}', True),
            (b'{"type":"RECORD","record":{"data":{"id":1}}}', True),
        ],
        ids=[
            "cut",
            "a number without end",
            "nested without end",
            "no JSON",
            "a bare row",
            "cut before its stream",
            "without content",
            "without a stream",
        ],
    )
    def test_it_is_accounted_for(self, line: bytes, rejected: bool) -> None:  # noqa: FBT001
        messages, _, _ = TestMessageReader().reader([None])
        messages.take(line)
        (ledger,) = messages.ledgers

        assert (ledger.outcomes[Outcome.REJECTED], messages.unreadable) == (int(rejected), int(not rejected))
        assert (ledger.balance(), ledger.segment.open) == (0, 0)

    def test_a_misspelt_stream_is_told_which_may_be_meant(self, caplog: pytest.LogCaptureFixture) -> None:
        messages, _, _ = TestMessageReader().reader([None])
        for name in ("poeple", "orders"):
            messages.take(orjson.dumps({"type": "RECORD", "record": {"stream": name, "data": {"id": 1}}}))

        assert "The stream poeple is not in the catalog. Did you mean people?" in caplog.text
        assert "The stream orders is not in the catalog." in caplog.text
        assert caplog.text.count("Did you mean") == 1
