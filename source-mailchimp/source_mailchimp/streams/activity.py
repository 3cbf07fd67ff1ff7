"""Email activity: one row a recipient in the API, one record an event here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from source_mailchimp.stream import PathValues, Record

# Which events are the same event. Two clicks of one second on two links are two.
_IDENTITY = ("action", "timestamp", "url", "type", "ip")
_SEPARATOR = "\x1f"  # in none of the values, so that no two events join to the same text


def flatten_activity(recipient: Record, values: PathValues) -> Iterator[Record]:
    """Yield one record for each event of ``recipient``, a row of ``/reports/{campaign_id}/email-activity``.

    The record has the recipient's fields, the event's, and ``activity_id``: the same for the same event in
    every sync, another for any other.
    """
    whose = {name: value for name, value in recipient.items() if name not in {"activity", "_links"}}
    whose.setdefault("campaign_id", values.get("campaign_id"))
    owner = (str(whose["campaign_id"]), str(whose.get("email_id")))
    for event in recipient.get("activity") or ():
        parts = (*owner, *(str(event.get(name) or "") for name in _IDENTITY))
        digest = hashlib.md5(_SEPARATOR.join(parts).encode(), usedforsecurity=False)
        yield {**whose, **event, "activity_id": digest.hexdigest()}
