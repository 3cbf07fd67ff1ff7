"""Where rejected records go: a file of one JSON line each, or the log with masked addresses."""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import Any

from destination_mailchimp.accounting.causes import Cause, shown_text
from destination_mailchimp.accounting.lines import LinesFile
from destination_mailchimp.failures import RecordRejected
from mailchimp_api.masking import mask, mask_address

logger = logging.getLogger("airbyte.destination_mailchimp")

_LOGGED_PER_REASON = 20
_CODE = re.compile(r"[A-Za-z]{0,4}[-_]?\d{1,8}|[0-9a-fA-F]{24}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A short number, one with a few letters before it, an id of MongoDB, a UUID."""


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
        number: int = 0,
        address: str = "",
        primary_key: Any = None,
        record: Any = None,
    ) -> None:
        """Note one rejected record, whatever it holds. Raises SyncFailure if the file can't be written any more.

        ``number``: how many records of the stream had come with it, by which the log names it.
        """
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
            which = f"record {number}{_shown_key(primary_key)}{who}"
            logger.warning("Stream %s: %s was rejected%s: %s", stream, which, where, text)
        if self._logged[reject.reason] == _LOGGED_PER_REASON:
            logger.warning("More rejects of the kind %s are only counted", reject.reason)

    def close(self) -> None:
        """Finish the file; in a bucket it is there only now. Raises SyncFailure if it can't be finished.

        Without a file the log says what one would keep, if anything was rejected.
        """
        if self._file is not None:
            self._file.close()
        elif self.causes:
            logger.warning(
                "%d records were rejected. Name a rejects_file, and it keeps each of them with the reason",
                sum(self.causes.values()),
            )


def _shown_key(key: Any) -> str:
    """A primary key for the log, if it is a number or a code; what may be an address, a name or a telephone is none."""
    text = str(key) if isinstance(key, int | str) and not isinstance(key, bool) else ""
    return f" (primary key {text})" if _CODE.fullmatch(text) else ""
