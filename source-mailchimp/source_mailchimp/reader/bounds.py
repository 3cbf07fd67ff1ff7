"""All bounds of what is under way or waits at once, over all streams of a sync, and why nobody waits for ever.

- Requests in flight: ``num_workers``, by the fetcher's turns and threads, and by the client's limiter. What others
  wait for (a page between two that don't join) takes the next turn, before pages that are asked for in advance.
- Requests that have failed before, or those like them (``RetryLane``): ``retries_at_once``, while they go on failing.
- Bytes of answers that wait for their turn: ``Budget(MEMORY_BYTES)``.
- Pages or partitions of one stream: ``prefetch``, of contacts those of all audiences together, archived or not.
- Audiences of which contacts are read: ``audiences_at_once``.
- Borders that are looked for in a window whose size is guessed: ``BORDERS_AT_ONCE``.
- Partitions that are done beyond the first that is not: ``PARTITIONS_AHEAD``; what takes long is left behind then.
- Answers that wait for a second stream: ``SHARED_ANSWERS``; who finds none asks again.
- Events that wait to be printed: ``EVENTS_WAITING``. A page is decoded when none does (``EventQueue.room``), and its
  rows are let go once they are printed: so those of a page or two are there, however many streams are read.

Whoever waits for its next try holds nothing of these: ``set_aside`` frees what its task has reserved.

Why nobody waits for ever: reservations are granted in the order they were asked for, and the jobs of one reader ask in
the order in which their results are taken, so a result that is waited for always has its reservation, and what holds
one is either on its way or next to be taken. Who needs two asks in one order: a place first, then memory.
Partitions begin in their order, so the first that is not done is always under way. Events are taken by whoever prints,
who waits for nobody here.

The one rule for callers: never ask the same budget for more while a result of it is in hand. Who must (the pages under
a contact, a chunk that is read again) has a budget of its own. What was set aside comes back without waiting, so that a
job never waits for those behind it.

When to give up is no such bound: nobody waits for it, see ``outcome``.
"""

from __future__ import annotations

MEMORY_BYTES = 40_000_000
"""Of answers that wait, as they came: two hundred full pages of contacts, or forty that are not compressed."""
PAGES_PER_CHUNK_AGAIN = 4
"""Pages of a chunk that is read again, under way at once."""
CONTACT_PAGES_AHEAD = 2
"""Pages of contacts under way while those of an earlier page are asked one by one."""
BORDERS_AT_ONCE = 200
"""Of chunks of a window whose size is guessed, looked for at once: a wrong guess costs no more requests."""
PARTITIONS_AHEAD = 200
"""How far partitions may be done beyond the first that is not: each has an entry in the state."""
LEFT_BEHIND = 100
"""Partitions that take so long that the others go on without them, with entries of their own."""
SHARED_ANSWERS = 200
"""Answers that wait for a second stream. They are small, and what waits too long is asked for again."""
EVENTS_WAITING = 1
"""What waits to be printed; readers wait for room, so that no records pile up."""
WAITING_FOR_EACH = 5
"""Jobs that may wait for their next try for each that is under way."""


def prefetch(workers: int) -> int:
    """Pages or partitions of one stream under way at once: enough to keep every connection busy by itself."""
    return 2 * workers


def audiences_at_once(workers: int) -> int:
    """Each begins with a page or two: a thousand audiences at once would fill the memory with them."""
    return workers


def retries_at_once(workers: int) -> int:
    """How many requests that have failed before, while they go on failing."""
    return max(1, workers // 5)
