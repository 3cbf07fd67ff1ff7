"""How often and how long a request is tried again before its error is final."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import tenacity

from mailchimp_api.errors import TooMuchForOneAnswer, TransientError

logger = logging.getLogger("airbyte.mailchimp_api")


@dataclass(frozen=True)
class RetryPolicy:
    """How long a request is worth trying: whichever bound is reached first ends it.

    At most ``attempts`` times, the last begun within ``seconds`` of the first.
    Waits are random between nothing and ``first_wait * 2**n`` seconds, at most ``longest_wait``
    (full jitter), or as long as ``Retry-After`` says if that is more.
    """

    attempts: int = 8
    seconds: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


def retrying(
    policy: RetryPolicy, *, retry_timeouts: bool = True, sleep: Callable[[float], None] | None = None
) -> tenacity.Retrying:
    """Call a function with its arguments, again while it raises a TransientError and ``policy`` allows.

    The last error is raised in the end, saying how often it was tried. One object serves any number of threads.
    With ``retry_timeouts=False`` a TooMuchForOneAnswer is final at once. ``sleep`` waits between attempts; what it
    raises ends them.
    """
    return tenacity.Retrying(sleep=sleep or tenacity.nap.sleep, **_options(policy, retry_timeouts=retry_timeouts))


def retrying_async(
    policy: RetryPolicy, *, retry_timeouts: bool = True, sleep: Callable[[float], Awaitable[None]]
) -> tenacity.AsyncRetrying:
    """The same for a coroutine function. ``sleep`` waits, in seconds. One object serves a single call."""
    return tenacity.AsyncRetrying(sleep=sleep, **_options(policy, retry_timeouts=retry_timeouts))


def _options(policy: RetryPolicy, *, retry_timeouts: bool) -> dict[str, Any]:
    def worth_retrying(error: BaseException) -> bool:
        return isinstance(error, TransientError) and (retry_timeouts or not isinstance(error, TooMuchForOneAnswer))

    return {
        "retry": tenacity.retry_if_exception(worth_retrying),
        "stop": tenacity.stop_after_attempt(policy.attempts) | tenacity.stop_before_delay(policy.seconds),
        "wait": _Backoff(policy),
        "before_sleep": _log_retry,
        "retry_error_callback": _give_up,
    }


class _Backoff(tenacity.wait.wait_base):
    def __init__(self, policy: RetryPolicy) -> None:
        self._jitter = tenacity.wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        return max(self._jitter(retry_state), _error_of(retry_state).retry_after or 0.0)


def _error_of(state: tenacity.RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TransientError), "nothing else is retried"
    return error


def _log_retry(state: tenacity.RetryCallState) -> None:
    logger.info("%s; attempt %d, again in %.1f s", _error_of(state), state.attempt_number, state.upcoming_sleep)


def _give_up(state: tenacity.RetryCallState) -> None:
    error = _error_of(state)
    if state.attempt_number > 1:
        error.message += f"; given up after {state.attempt_number} attempts in {state.seconds_since_start or 0:.0f} s"
    raise error
