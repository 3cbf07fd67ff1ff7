"""Decides about the failed attempts of a call: whether to go on, to ask for less, or to give up the contact."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from destination_mailchimp.audience.splitting import BatchTooLarge
from destination_mailchimp.contacts.contact import Suspect
from mailchimp_api.errors import RateLimited, TooMuchForOneAnswer, TransientError, UnreadableAnswer

_TIMEOUTS_BEFORE_SMALLER = 2
_EQUAL_BEFORE_SMALLER = 3
_EQUAL_BEFORE_LASTING = 6
_EQUAL_FORBIDDEN = 8
"""A 403 without problem+json mostly means throttling, so it takes more of them until it is taken for the call's own."""
_EQUAL_UNREADABLE = 8
"""An answer that can't be read may be that of a call that was carried out, so it takes more of them, too."""
_LONE_SUSPECTS_AT_MOST = 3
"""More contacts at once whose calls fail, while nothing is written, are an outage of writing calls."""
_UNPROVED_SPLITS_AT_MOST = 15
"""So often calls are made smaller while nothing is written. Where no part gets through either, it is an outage."""
_FORBIDDEN = 403
_TOO_LARGE = 413
_SERVER_ERROR = 500


class LastingFault(Exception):
    """Mailchimp answers the call about one contact with the same error each time, while others are written."""

    def __init__(self, error: TransientError) -> None:
        super().__init__(error.message)
        self.message = error.message


class Undecided(Exception):
    """The same error each time, and nothing else was written meanwhile: try again when other calls have been made."""


class Health:
    """When calls have gone well, which shows whether one that fails has its own contact as the cause. Thread-safe."""

    def __init__(self, probe: Callable[[], bool]) -> None:
        """``probe`` makes a call and tells whether it was answered."""
        self._probe = probe
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._wrote_at = float("-inf")
        self._suspects = 0
        self._unproved_splits = 0

    def went_well(self, *, wrote: bool) -> None:
        """A call has been answered; ``wrote``: it was a writing one."""
        self._answered_at = time.monotonic()
        if wrote:
            self._wrote_at = self._answered_at
            self._unproved_splits = 0

    def wrote_since(self, moment: float) -> bool:
        """Whether a writing call has gone well since then (``time.monotonic``)."""
        return self._wrote_at > moment

    def answers_since(self, moment: float) -> bool:
        """Whether any call has gone well since then; where none was made, one is."""
        return self._answered_at > moment or self._probe()

    def may_split_unproved(self) -> bool:
        """Whether to try by a smaller call if anything is written at all; not many times in a row."""
        with self._lock:
            self._unproved_splits += 1
            return self._unproved_splits <= _UNPROVED_SPLITS_AT_MOST

    def suspect(self, suspect: Suspect, since: float) -> None:
        """Calls about a contact have been failing the same way since then."""
        if suspect.since is None:
            suspect.since = since
            with self._lock:
                self._suspects += 1

    def may_give_up_alone(self) -> bool:
        """Whether a contact may be given up though nothing else was written: only where few are suspected at all."""
        with self._lock:
            return self._suspects <= _LONE_SUSPECTS_AT_MOST


class Attempts:
    """Looks at the failed attempts of one call, and ends it where another attempt would not help."""

    def __init__(self, health: Health, *, writes: bool, may_shrink: bool, suspect: Suspect | None) -> None:
        self._health = health
        self._writes = writes
        self._may_shrink = may_shrink
        self._suspect = suspect
        self._failed_at = float("-inf")
        self._timeouts = 0
        self._equal = 0
        self._last = ""
        self._all_equal = True
        self.replayed = False

    def failed(self, error: TransientError) -> None:
        """An attempt has failed. Raises BatchTooLarge, LastingFault or Undecided, or returns for the next one."""
        if self._failed_at == float("-inf"):
            self._failed_at = time.monotonic()
        # A throttled call has not been carried out; any other may have been.
        self.replayed = self.replayed or not isinstance(error, RateLimited)
        self._timeouts += isinstance(error, TooMuchForOneAnswer)
        self._count(error)
        if self._may_shrink:
            slow = self._timeouts >= _TIMEOUTS_BEFORE_SMALLER
            if error.status == _TOO_LARGE or (slow and not self._writes):
                raise BatchTooLarge from error
            if slow or self._is_lasting(error, _EQUAL_BEFORE_SMALLER):
                self._ask_for_less(error, slow=slow)
        elif self._suspect and self._is_lasting(error, _EQUAL_BEFORE_LASTING):
            self._decide(self._suspect, error)

    def given_up(self, error: TransientError) -> None:
        """No attempt is left. Raises what tells that only this call is at fault, if so."""
        if not self._all_equal or not self._is_lasting(error, 1):
            return
        if self._may_shrink:
            well = self._health.wrote_since if self._writes else self._health.answers_since
            if well(self._failed_at):
                raise BatchTooLarge from error
        if self._suspect is None:
            return
        self._health.suspect(self._suspect, self._failed_at)
        # Where nothing else was there to be written: Mailchimp itself has answered, and answers other calls.
        its_own = error.status == _SERVER_ERROR or isinstance(error, UnreadableAnswer)
        alone = its_own and self._health.answers_since(time.monotonic())
        if self._wrote_since_suspected(self._suspect) or (alone and self._may_give_up(self._suspect)):
            raise LastingFault(error) from error

    def _ask_for_less(self, error: TransientError, *, slow: bool) -> None:
        """Raises BatchTooLarge where a smaller call may fare better, which an outage of all writing calls is not."""
        if self._writes and self._health.wrote_since(self._failed_at):
            raise BatchTooLarge from error
        if not slow and not self._health.answers_since(self._failed_at):
            return
        if not self._writes:
            raise BatchTooLarge from error
        if self._health.may_split_unproved():
            raise BatchTooLarge(unproved=True) from error

    def _decide(self, suspect: Suspect, error: TransientError) -> None:
        self._health.suspect(suspect, self._failed_at)
        if self._wrote_since_suspected(suspect):
            raise LastingFault(error) from error
        if not suspect.put_off and self._health.answers_since(self._failed_at):
            suspect.put_off = True
            raise Undecided from error

    def _may_give_up(self, suspect: Suspect) -> bool:
        """Whether it is hardly an outage: few contacts fail so, or others of its batch were written after that."""
        failed_at = suspect.batch_failed_at
        return self._health.may_give_up_alone() or (failed_at is not None and self._health.wrote_since(failed_at))

    def _wrote_since_suspected(self, suspect: Suspect) -> bool:
        return suspect.since is not None and self._health.wrote_since(suspect.since)

    def _count(self, error: TransientError) -> None:
        self._all_equal = self._all_equal and self._last in ("", error.message)
        self._equal = self._equal + 1 if error.message == self._last else 1
        self._last = error.message

    def _is_lasting(self, error: TransientError, enough: int) -> bool:
        """Whether the same answer came so often that it may be this call's own.

        Where no answer came, the call may have been carried out; and being throttled says nothing about the call.
        """
        if error.status is None:
            return False
        if isinstance(error, UnreadableAnswer):
            about_contacts = self._writes or self._suspect is not None  # a listing is about nobody alone
            return about_contacts and self._equal >= max(enough, _EQUAL_UNREADABLE)
        if isinstance(error, RateLimited):
            return error.status == _FORBIDDEN and self._equal >= max(enough, _EQUAL_FORBIDDEN)
        return self._equal >= enough
