"""What a read says of itself while it runs."""

from __future__ import annotations

from mailchimp_api.usage import Usage
from source_mailchimp.messages import EventWriter, StreamCount

_STREAMS_NAMED = 8


class ReadProgress:
    """Tells rows, requests and concurrency of a read, and how far its streams are."""

    def __init__(self, writer: EventWriter, usage: Usage) -> None:
        self._writer = writer
        self._usage = usage

    def lines(self) -> list[str]:
        """For the log: one sentence on all of it, one on the streams under way, those with the most rows first."""
        counts = dict(self._writer.counts)
        rows = sum(count.records for count in counts.values())
        running = {name: count for name, count in counts.items() if count.open}
        told = [f"{rows:,} rows so far, {len(counts) - len(running)} of {len(counts)} streams done; {self._usage}"]
        if running:
            ordered = sorted(running.items(), key=lambda item: (-item[1].records, item[0]))
            texts = [_stream(name, count) for name, count in ordered[:_STREAMS_NAMED]]
            if len(ordered) > _STREAMS_NAMED:
                texts.append(f"and {len(ordered) - _STREAMS_NAMED} more")
            told.append(f"Under way: {'; '.join(texts)}")
        return told

    def line(self) -> str:
        """For a person who watches."""
        counts = dict(self._writer.counts)
        rows = sum(count.records for count in counts.values())
        running = [(name, count) for name, count in counts.items() if count.open]
        text = f"{rows:,} rows, {self._usage.requests:,} requests, {len(counts) - len(running)}/{len(counts)} streams"
        if running:
            name, count = max(running, key=lambda item: item[1].records)
            text += f"; {_stream(name, count)}"
        return text


def _stream(name: str, count: StreamCount) -> str:
    text = f"{name} {count.records:,}"
    if count.estimate:
        text += f" of about {max(count.estimate, count.records):,}"
    text += " rows"
    if count.parents:
        text += f", {count.parents_done:,} of {count.parents:,} parents"
    return text
