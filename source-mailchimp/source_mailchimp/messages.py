"""Turns what happens during a sync into Airbyte messages."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from airbyte_cdk.models import (
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStreamState,
    AirbyteStreamStatus,
    AirbyteStreamStatusTraceMessage,
    AirbyteTraceMessage,
    EstimateType,
    FailureType,
    StreamDescriptor,
    TraceType,
    Type,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from mailchimp_api.errors import ConfigError, MailchimpError, TransientError
from mailchimp_api.masking import mask
from source_mailchimp.errors import IncompleteListing, ParentFailed
from source_mailchimp.reader.output import Checkpoint, Ended, Estimate, Event, Records, Started

logger = logging.getLogger("airbyte.source_mailchimp")


class SyncFailed(AirbyteTracedException):
    """Some streams are not complete; each has had a trace of its own."""


def traced(error: Exception) -> AirbyteTracedException:
    """The trace for ``error``: a text for a person, and whether to change the configuration or to try again."""
    if isinstance(error, ConfigError):
        kind = FailureType.config_error
    elif isinstance(error, (TransientError, IncompleteListing, ParentFailed)):
        kind = FailureType.transient_error
    else:
        kind = FailureType.system_error
    known = isinstance(error, MailchimpError)
    text = mask(str(error)) if known else f"Something went wrong in the connector itself ({type(error).__name__})."
    return AirbyteTracedException(
        message=text, internal_message=mask(f"{type(error).__name__}: {error}"), failure_type=kind
    )


class MessageMaker:
    """Makes messages of events. ``namespaces``: by stream, as the catalog has them."""

    def __init__(self, namespaces: Mapping[str, str | None]) -> None:
        self._namespaces = namespaces
        self._began = time.monotonic()
        self._records: Counter[str] = Counter()
        self._open: set[str] = set()
        self._failures: dict[str, AirbyteTracedException] = {}

    def of(self, event: Event) -> Iterator[AirbyteMessage]:
        """The messages that tell ``event``."""
        name = event.stream.name
        match event:
            case Records(_, records):
                if name not in self._records:
                    yield self._status(name, AirbyteStreamStatus.RUNNING)
                self._records[name] += len(records)
                now = int(time.time() * 1000)
                namespace = self._namespaces.get(name)
                for record in records:
                    yield AirbyteMessage(
                        type=Type.RECORD,
                        record=AirbyteRecordMessage(stream=name, data=record, emitted_at=now, namespace=namespace),
                    )
            case Checkpoint(_, state):
                yield self._state(name, state)
            case Estimate(_, rows):
                yield self._estimate(name, rows)
            case Started():
                self._open.add(name)
                yield self._status(name, AirbyteStreamStatus.STARTED)
            case Ended(_, None):
                self._close(name)
                yield self._status(name, AirbyteStreamStatus.COMPLETE)
            case Ended(_, error):
                self._close(name)
                yield from self.failure(name, error)

    def _close(self, name: str) -> None:
        self._open.discard(name)
        # All streams begin at once: which one made the sync long shows in when it ended.
        seconds = time.monotonic() - self._began
        logger.info("%s: %s records, ended after %.1f s", name, f"{self._records[name]:,}", seconds)

    def failure(self, name: str, error: Exception | None) -> Iterator[AirbyteMessage]:
        """The messages that say that stream ``name`` is not complete, and why; ``raise_failures`` will tell again."""
        failure = traced(error or RuntimeError("unknown"))
        self._failures[name] = failure
        message = failure.as_airbyte_message(stream_descriptor=self._descriptor(name))
        if message.trace and message.trace.error:
            message.trace.error.stack_trace = mask(message.trace.error.stack_trace or "") or None
        yield message
        yield self._status(name, AirbyteStreamStatus.INCOMPLETE)

    def abandon(self) -> Iterator[AirbyteMessage]:
        """The messages that say of every stream under way that it is not complete."""
        for name in sorted(self._open):
            yield self._status(name, AirbyteStreamStatus.INCOMPLETE)
        self._open.clear()

    def raise_failures(self) -> None:
        """Raise SyncFailed if a stream has failed, so that the process exits with 1."""
        if not self._failures:
            return
        kinds = {failure.failure_type for failure in self._failures.values()}
        order = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)
        names = ", ".join(sorted(self._failures))
        reasons = "; ".join(f"{name}: {failure.message}" for name, failure in sorted(self._failures.items())[:3])
        raise SyncFailed(
            message=f"Not complete: {names}. {reasons}",
            internal_message=reasons,
            failure_type=next(kind for kind in order if kind in kinds),
        )

    def _descriptor(self, name: str) -> StreamDescriptor:
        return StreamDescriptor(name=name, namespace=self._namespaces.get(name))

    def _state(self, name: str, state: Mapping[str, object]) -> AirbyteMessage:
        return AirbyteMessage(
            type=Type.STATE,
            state=AirbyteStateMessage(
                type=AirbyteStateType.STREAM,
                stream=AirbyteStreamState(
                    stream_descriptor=self._descriptor(name), stream_state=AirbyteStateBlob(**state)
                ),
            ),
        )

    def _trace(self, trace: AirbyteTraceMessage) -> AirbyteMessage:
        return AirbyteMessage(type=Type.TRACE, trace=trace)

    def _status(self, name: str, status: AirbyteStreamStatus) -> AirbyteMessage:
        return self._trace(
            AirbyteTraceMessage(
                type=TraceType.STREAM_STATUS,
                emitted_at=_now_ms(),
                stream_status=AirbyteStreamStatusTraceMessage(stream_descriptor=self._descriptor(name), status=status),
            )
        )

    def _estimate(self, name: str, rows: int) -> AirbyteMessage:
        return self._trace(
            AirbyteTraceMessage(
                type=TraceType.ESTIMATE,
                emitted_at=_now_ms(),
                estimate=AirbyteEstimateTraceMessage(
                    name=name,
                    namespace=self._namespaces.get(name),
                    type=EstimateType.STREAM,
                    row_estimate=rows,
                ),
            )
        )


def _now_ms() -> float:
    return datetime.now(timezone.utc).timestamp() * 1000
