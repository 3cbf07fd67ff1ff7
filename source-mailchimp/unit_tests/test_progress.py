"""A long read says how far it is: in all, and stream by stream."""

from __future__ import annotations

from io import BytesIO

from connector_cli.output import Output
from mailchimp_api.usage import Usage
from source_mailchimp.messages import EventWriter
from source_mailchimp.progress import ReadProgress
from source_mailchimp.reader.output import Ended, Estimate, ParentsRead, Records, Started
from source_mailchimp.streams import STREAMS


def test_rows_requests_concurrency_and_parents_are_told() -> None:
    writer = EventWriter(Output(sink=BytesIO()), {})
    usage = Usage(8)
    progress = ReadProgress(writer, usage)
    lists, members, activity = STREAMS["lists"], STREAMS["list_members"], STREAMS["email_activity"]
    for event in (
        Started(lists), Records(lists, [{"id": "a"}]), Ended(lists),
        Started(members), Estimate(members, 1_200), Records(members, [{"id": str(n)} for n in range(1_000)]),
        Started(activity), ParentsRead(activity, 12, 400),
    ):  # fmt: skip
        writer.write(event)
    with usage.request():
        pass

    whole, streams = progress.lines()

    assert whole.startswith("1,001 rows so far, 1 of 3 streams done; 1 requests")
    assert "8" in whole
    assert streams == ("Under way: list_members 1,000 of about 1,200 rows; email_activity 0 rows, 12 of 400 parents")
    assert progress.line() == "1,001 rows, 1 requests, 1/3 streams; list_members 1,000 of about 1,200 rows"
