"""Where rejected records go: a file of one JSON line each, or the log with masked addresses."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from destination_mailchimp.accounting.causes import Cause, shown_text
from destination_mailchimp.accounting.lines import LinesFile
from destination_mailchimp.failures import RecordRejected
from mailchimp_api.masking import mask, mask_address

logger = logging.getLogger("airbyte.destination_mailchimp")

_LOGGED_PER_REASON = 20


class Rejects:
    """Takes every rejected record. ``target`` is a path or a bucket URL (see ``LinesFile``); None for the log.

    ``dry_run`` marks the lines of one: the sync itself will bring these records again.
    Raises SyncFailure if the target can't be opened.
    """

    def __init__(self, target: str | None, *, dry_run: bool = False) -> None:
        self._mark = {"dry_run": True} if dry_run else {}
        self._file = LinesFile(target, "rejects_file") if target else None
        self._logged: Counter[str] = Counter()
        self.causes: Counter[Cause] = Counter()
        self.keeps_records = self._file is not None

    def add(
        self,
        stream: str,
        reject: RecordRejected,
        *,
        address: str = "",
        primary_key: Any = None,
        record: Any = None,
    ) -> None:
        """Note one rejected record, whatever it holds. Raises SyncFailure if the file can't be written any more."""
        self.causes[Cause.of(reject, address)] += 1
        if self._file is not None:
            line = {
                "stream": stream,
                "reason": reject.reason,
                "error": reject.text,
                "field": reject.field or None,
                "primary_key": primary_key,
                "record": record,
                **self._mark,
            }
            self._file.append(line)
            return
        self._logged[reject.reason] += 1
        if self._logged[reject.reason] <= _LOGGED_PER_REASON:
            who = f" of {mask_address(address)}" if address else ""
            where = f" ({reject.field})" if reject.field else ""
            text = mask(shown_text(reject), address)
            logger.warning("Stream %s: a record%s was rejected%s: %s", stream, who, where, text)
        if self._logged[reject.reason] == _LOGGED_PER_REASON:
            logger.warning("More rejects of the kind %s are only counted; rejects_file would list all", reject.reason)

    def close(self) -> None:
        """Finish the file; in a bucket it is there only now. Raises SyncFailure if it can't be finished."""
        if self._file is not None:
            self._file.close()
