"""Threads that carry out jobs, and hand each back when it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from destination_mailchimp.writing.result import Job


class Workers:
    """A fixed number of threads. ``done`` is called, in the worker, with each job that has ended."""

    def __init__(self, count: int, done: Callable[[Job], None]) -> None:
        self.count = count
        self.outstanding = 0
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done = done
        for number in range(count):
            # Daemons: a call that never ends must not keep the process alive after it was told to stop.
            threading.Thread(target=self._run, name=f"writer-{number}", daemon=True).start()

    def give(self, job: Job) -> None:
        """Queue a job."""
        self.outstanding += 1
        self._jobs.put(job)

    def returned(self) -> None:
        """The main thread has dealt with a job that came back."""
        self.outstanding -= 1

    def close(self) -> None:
        """Let the threads end when they have done what is queued."""
        for _ in range(self.count):
            self._jobs.put(None)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            try:
                job.work(job.result)
            except BaseException as error:  # noqa: BLE001 - judged by the main thread, with the rest of the result
                job.result.error = error
            self._done(job)
