"""What has become of the partitions of one run: which are gone, were refused or failed, and whether to go on."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from mailchimp_api.errors import MailchimpError, RequestRefused, ResourceRefused
from source_mailchimp.reader.partitions import Partition
from source_mailchimp.stream import Stream

logger = logging.getLogger("airbyte.source_mailchimp")

# When to give up. No bounds of what is under way at once: nobody waits for these.
MAX_CONSECUTIVE_FAILURES = 3
"""After this many in a row that could not be read, the cause is not one of them."""
MAX_REFUSALS = 10
"""After this many refusals and no answer the cause is not these parents: the others need not be asked."""
_MOST_FAILURES = 100  # each has an entry in the state
MOST_LEFT_OPEN = 2_000
"""Each has a line in the state; beyond that the state does not pass them."""
_SHOWN_WARNINGS = 3
_BEGINS_ANEW = "; too many to keep in the state, so the next sync begins where this one did"


@dataclass
class Outcome:
    """Of one run.

    ``asked``: partitions that were to be read; ``gone``: of them, those that no longer exist. ``errors``: errors that
    make the stream incomplete, those of the partitions that ``failed`` among them. ``given_up``: whether the rest was
    not asked. ``most_left_open``: how many the state can name.
    """

    asked: int = 0
    gone: int = 0
    refused: list[tuple[Partition, ResourceRefused]] = field(default_factory=list)
    failed: list[Partition] = field(default_factory=list)
    errors: list[MailchimpError] = field(default_factory=list)
    given_up: bool = False
    most_left_open: int = MOST_LEFT_OPEN
    _failed_in_a_row: int = 0

    def came(self) -> None:
        """A partition was read."""
        self._failed_in_a_row = 0

    def fail(self, partition: Partition, error: MailchimpError) -> None:
        """A partition could not be read."""
        self.errors.append(error)
        self.failed.append(partition)
        # A refusal is the partition's own; anything else may be the trouble of all.
        self._failed_in_a_row += not isinstance(error, RequestRefused)

    @property
    def hopeless(self) -> bool:
        """Whether the trouble seems to be that of all partitions."""
        return self._failed_in_a_row >= MAX_CONSECUTIVE_FAILURES or len(self.failed) >= _MOST_FAILURES

    @property
    def all_failed(self) -> bool:
        """Whether nothing of what was asked came."""
        return len(self.failed) == self.asked

    @property
    def too_many_open(self) -> bool:
        """Whether the state can't name all partitions that were refused, and so can't pass them."""
        return len(self.refused) > self.most_left_open

    @property
    def left_open(self) -> list[Partition]:
        """The partitions that the next sync asks again."""
        return [*(partition for partition, _ in self.refused), *self.failed]

    def warn(self, stream: Stream, *, refusal: ResourceRefused | None, not_found: Collection[str]) -> None:
        """Tell what is missing of ``stream``.

        ``refusal``: why nothing was readable, if so. ``not_found``: audiences that are chosen and were not listed.
        """
        name, places = stream.name, stream.parent.name if stream.parent else "listings"
        if self.gone:
            logger.warning("%s: %d of %d %s no longer exist; skipped", name, self.gone, self.asked, places)
        if refusal:
            logger.warning("%s is not available to this account or user, nothing read: %s", name, refusal)
        elif self.refused:
            for partition, error in self.refused[:_SHOWN_WARNINGS]:
                logger.warning("%s: skipped %s: %s", name, partition.id or "all", error)
            logger.warning(
                "%s: %d of %d %s were refused and skipped%s",
                name, len(self.refused), self.asked, places, _BEGINS_ANEW if self.too_many_open else "",
            )  # fmt: skip
        if self.failed:
            shown = ", ".join(partition.id or "all" for partition in self.failed[:_SHOWN_WARNINGS])
            logger.warning(
                "%s: %d of %d %s could not be read; the next sync asks again: %s%s",
                name, len(self.failed), self.asked, places, shown,
                ", …" if len(self.failed) > _SHOWN_WARNINGS else "",
            )  # fmt: skip
        if not_found and not self.refused and not self.errors:
            missing = ", ".join(sorted(not_found))
            logger.warning("%s: list_ids names audiences that do not exist (any more): %s", name, missing)
