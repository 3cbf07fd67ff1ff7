"""Which campaigns are asked again though nothing in their reports has changed: rows may come later than their counts.

A count moves, its campaign is asked, and the sums that the state keeps are those of the new count: what is listed only
then would never be asked for. So a campaign whose rows do not add up to what its report counts, or of which they can't
tell, is named in the state with the moment at which the count was seen to have moved. It is asked again ten minutes
after that, after twice as long, and so on for a week: what comes n minutes late is found at most n minutes later than
it could have been, and the number of requests depends neither on how often a sync runs nor on rows that are gone for
good.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from source_mailchimp.reader.context import LOOK_BACK
from source_mailchimp.reader.places import ALL_PARTITIONS, PartitionKey

LOOKS = tuple(LOOK_BACK * 2**number for number in range(11))
"""So long after a count has moved its rows are asked for again: ten minutes, twenty … seven days and three hours."""


def look_is_due(
    late: Mapping[PartitionKey, datetime], key: PartitionKey, last: datetime | None, until: datetime
) -> bool:
    """Whether a look at the campaign ``key`` falls into the time after the ``last`` sync, up to ``until``."""
    return any(
        (last is None or last < moved + look) and moved + look <= until
        for moved in (late.get(key), late.get(ALL_PARTITIONS))
        if moved
        for look in LOOKS
    )


class LateRows:
    """Keeps account of one stream's ``late`` campaigns, which it changes in place, while a run up to ``until`` reads.

    ``late``: when the counts were seen to have moved. ``last``: up to when the last sync has read. ``most``: so many a
    state can name; of more, all campaigns are asked again for a week, and those named whose counts move then.
    """

    def __init__(
        self, late: dict[PartitionKey, datetime], *, last: datetime | None, until: datetime, most: int
    ) -> None:
        self._late = late
        self._last = last
        self._until = until
        self._most = most

    def is_due(self, key: PartitionKey) -> bool:
        """Whether the campaign is asked again in this run."""
        return look_is_due(self._late, key, self._last, self._until)

    def expect(self, key: PartitionKey) -> None:
        """Rows of the campaign may come yet: its counts have moved."""
        if self._late.get(ALL_PARTITIONS) == self._until:
            return  # it is among all
        # It is named beside all, whose week is not to begin anew with each count that moves.
        if key not in self._late and len(self._late) >= self._most:
            self._late.clear()
            key = ALL_PARTITIONS
        self._late[key] = self._until

    def settle(self, key: PartitionKey) -> None:
        """All rows that the report counts are there."""
        self._late.pop(key, None)

    def after(self) -> dict[PartitionKey, datetime]:
        """Those for which a look is left when the run has come to its end."""
        return {key: moved for key, moved in self._late.items() if moved + LOOKS[-1] > self._until}
