"""Jobs are carried out by threads, and each comes back, with what ended it if something did."""

from __future__ import annotations

from queue import SimpleQueue

from destination_mailchimp.writing.result import Job, Result
from destination_mailchimp.writing.workers import Workers


def test_each_job_comes_back_with_its_error() -> None:
    done: SimpleQueue[Job] = SimpleQueue()
    workers = Workers(2, done.put)
    error = ValueError("odd")

    def fails(_: Result) -> None:
        raise error

    def works(result: Result) -> None:
        result.made_fields["a"] = None

    jobs = [Job(fails, []), Job(works, [])]
    for job in jobs:
        workers.give(job)
    back = [done.get(timeout=5) for _ in jobs]
    workers.close()

    assert sorted(map(id, back)) == sorted(map(id, jobs))
    assert jobs[0].result.error is error
    assert (jobs[1].result.error, jobs[1].result.made_fields) == (None, {"a": None})
    assert workers.outstanding == 2
