"""Errors of the reader itself, beside those of ``mailchimp_api.errors``."""

from __future__ import annotations

from mailchimp_api.errors import MailchimpError


class IncompleteListing(MailchimpError):
    """A listing could not be read so that nothing is missing: the stream must not end as complete."""

    def __init__(self, kind: str, *, seen: int, total: int | None) -> None:
        rows = f"{seen} of {'an unknown number of' if total is None else total} rows"
        super().__init__(
            f"{kind} could not be read completely: {rows} were seen, while rows changed faster than "
            "they could be read or some would not come. What was read is kept; the next sync goes on from there."
        )


class ParentFailed(MailchimpError):
    """The stream whose rows tell where to look could not be read."""
