"""Errors of the reader itself, beside those of ``mailchimp_api.errors``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from mailchimp_api.errors import IncompleteListing, MailchimpError

__all__ = ["IncompleteListing", "ParentFailed"]


class ParentFailed(MailchimpError):
    """The stream whose rows tell where to look could not be read."""


class ParentRefused(ParentFailed):
    """The stream whose rows tell where to look was refused, so nobody knows whether it has any."""


class PartlyRefused(MailchimpError):
    """Some audiences were refused: a full refresh without their rows must not replace what was read before."""

    def __init__(self, kind: str, *, refused: int, asked: int, reason: Exception) -> None:
        super().__init__(
            f"{kind}: {refused} of {asked} audiences were refused, so their rows are missing and this full refresh is "
            f"not complete: {reason}. Use the key of a user who may read them, or name the others in list_ids."
        )


class ParentsRefused(MailchimpError):
    """Some ``parents`` (orders, contacts) were refused: a full refresh must not replace their rows by nothing."""

    def __init__(self, kind: str, *, refused: int, parents: str, reason: str) -> None:
        super().__init__(
            f"{kind}: refused below {refused} of the {parents}, so rows are missing and this full refresh is not "
            f"complete: {reason}. Use the key of a user who may read them."
        )


class RowsMissing(MailchimpError):
    """Some rows are counted and never listed. ``missing``: by slice, how many of which second."""

    def __init__(self, kind: str, missing: Iterable[tuple[str, Mapping[datetime, int]]]) -> None:
        gaps = [(name, second, rows) for name, seconds in missing for second, rows in sorted(seconds.items())]
        shown = "; ".join(f"{rows} of {name} changed at {second.isoformat()}" for name, second, rows in gaps[:3])
        super().__init__(
            f"{kind}: Mailchimp counts {sum(rows for *_, rows in gaps)} rows that it does not list: {shown}"
            f"{'; …' if len(gaps) > 3 else ''}. All others were read; the next sync looks for these again."  # noqa: PLR2004
        )
