"""An orderly end after SIGTERM or Ctrl-C, in every phase of a command.

Imports nothing but the standard library, and little of that: a command calls ``hold`` before it imports anything else.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

GRACE_SECONDS = 4.0
"""How long a command has for its last words: less than the five seconds in which it must have ended."""

_SIGNAL_EXIT = 128  # and the signal's number, as shells have it
_DELIVERY_SECONDS = 1.0


class EndRequests:
    """Takes SIGTERM and SIGINT from its creation on, in a thread of its own.

    A handler of Python's runs in the main thread, between two of its steps: not while that waits in the system, for
    the address of a host or for a reader of its output. So the signals are blocked, and a thread waits for them.

    Without a command that registered with ``on_end`` the process ends at once, otherwise when the command has (it
    calls ``end_as_asked`` last), after ``GRACE_SECONDS``, or with a second signal. It ends by the signal's own default,
    so that whoever sent it sees exit code -15; process 1 of a container, for which signals have no default, ends
    with 128 and the signal's number. A signal that was ignored when the process began stays ignored.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._stop: Callable[[], None] | None = None
        self._lock = threading.Lock()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        wanted = {signal.SIGTERM, signal.SIGINT}
        self._numbers = {number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN}
        # Before the first thread: each inherits this from the one that starts it.
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        threading.Thread(target=self._watch, name="signals", daemon=True).start()

    def on_end(self, stop: Callable[[], None]) -> None:
        """Have ``stop`` called, from another thread, when the process is asked to end; at once if it was already."""
        with self._lock:
            self._stop = stop
            late = self.received is not None
        if late:
            stop()

    def release(self) -> None:
        """Leave the signals to their defaults from now on: this command has nothing to bring in order.

        Process 1 goes on taking them, as they would have no effect on it.
        """
        if os.getpid() != 1:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)

    def end_as_asked(self) -> None:
        """End the process by the signal that came; returns if none did."""
        if self.received is not None:
            self._end(self.received)

    def _watch(self) -> None:
        if not self._numbers:
            return
        number = signal.sigwait(self._numbers)
        with self._lock:
            self.received = number
            stop = self._stop
        if stop is not None:
            timer = threading.Timer(GRACE_SECONDS, self._end, (number,))
            timer.daemon = True
            timer.start()
            stop()
            number = signal.sigwait(self._numbers)
        self._end(number)

    @staticmethod
    def _end(number: int) -> None:
        if os.getpid() != 1:
            # Sent to the process, taken by this thread: the only one that doesn't block it.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
            os.kill(os.getpid(), number)
            # Somebody else's handler, if there is one, runs in the main thread.
            threading.Event().wait(_DELIVERY_SECONDS)
        os._exit(_SIGNAL_EXIT + number)
