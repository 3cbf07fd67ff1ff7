# ruff: noqa: INP001 -- a command beside the package, not part of it
"""Makes ``docs/streams.md`` from the stream table (``make docs-tables``).

With ``--check`` nothing is written, and the exit code is 1 if the page is not what it would be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from generate_schemas import Contract

from source_mailchimp.reader.records import flattened_of
from source_mailchimp.stream import (
    ChangedCampaigns,
    ChangedParents,
    Embedded,
    Filter,
    Paging,
    PerContact,
    Relist,
    Reports,
    Stream,
    Window,
)
from source_mailchimp.streams import STREAMS, SUGGESTED
from source_mailchimp.streams.exclusions import NOT_STREAMS, SINGLE_OBJECTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "streams.md"

_HEADER = """\
| stream | endpoint | primary key | cursor | parent | modes | requests |
| --- | --- | --- | --- | --- | --- | --- |"""

_INTRODUCTION = """\
<!-- Made by `make docs-tables` from source_mailchimp/streams; edit those, not this page. -->

# Streams

{count} streams read everything that Mailchimp's API serves of an account,
but for what stands under [Not a stream](#not-a-stream).
Most people want {suggested}.

What the columns say:

- **primary key**: unique in the whole account.
  Parts in *italics* are not in Mailchimp's answer: the connector adds them,
  as ids of the parents or as a hash that is the same for the same row in every sync.
- **parent**: the stream whose rows are needed to find these.
  A parent is read once per sync, whether it is selected or not, and all of it: a start date never hides one.
- **modes**: F is full refresh, I is incremental. How a stream tells what is new is said below.
- **requests**: what reading it costs. A page has up to 1000 rows; up to ten requests run at a time.
"""

_READING = """\
## How incremental streams tell what is new

| way | streams | what is read | what you get |
| --- | --- | --- | --- |
| window | {window} | contacts changed since the last sync, in closed pieces whose rows are counted | \
what changed, archived contacts included |
| filter | {filter} | rows that the API says are newer | what changed |
| relist | {relist} | the listing, which costs a page for each 1000 rows | what is new, and what may have changed: \
audiences and automations every time; campaigns that aren't sent yet, were sent within the refresh window, \
or have changed (see changed campaigns), however old they are |
| changed campaigns | {changed_campaigns} | campaigns whose report shows other counts or dates than at the last sync, \
or counted lately what may not have been listed, \
or that were sent within the look-back; split campaigns are asked for their versions, \
one request each, where their report does not count what these do | \
all rows of those campaigns |
| changed parents | {changed_parents} | what is below campaigns that weren't sent, templates that were edited and \
landing pages that weren't taken down before the last sync | \
all of these; what is edited after the sending comes with a full refresh |
| changed contacts | {changed_contacts} | all contacts, a page for each 1000 rows, then those whose row has \
other tags or another last note than at the last sync | all tags or notes of those contacts |

Where there is no such way, the stream has no incremental mode and is read in full.
If a connection asks for such a stream incrementally, it is read in full too, and the log says so.

Worth knowing:

- `segments` moves when a segment is made or renamed. Contacts that join or leave move nothing, neither there
  nor in `list_members`: read incrementally, `member_count` is as of the last such change.
  `segment_members` is always read in full.
- `list_members` has contacts of every status. Not every way of tagging a contact moves its `last_changed`
  (tags of one contact were seen to move it, joining a tag in bulk was not):
  read incrementally, `tags` are as of the contact's last other change.
  A tag is a segment, so `segment_members` has the present ones; `member_tags` has them with their dates,
  and finds new ones whether or not they moved `last_changed`.
- `conversation_messages` are final but for `read`, which is as of the sync that brought the message.
- `parent_changed_at` is the newest date in the row of the campaign, template or landing page.
- `campaign_last_activity` is the newest of a campaign's send time, last open and last click.
  Of a changed campaign, all rows of `open_details`, `click_details` and the like are emitted.
- `total_items` is too small or missing for {untrusted}: there the end of a listing is a page that is not full.
- Deleting a contact for good deletes its activity with it: sums over `email_activity` can be lower than the counts in
  `reports`.

## Streams per contact

{per_contact} ask once for each contact:
a hundred thousand contacts are a hundred thousand requests, ten at a time. Select them only when they are needed.
The log says how many requests it will be, and at least how long they take, before the first one.
`member_notes` asks only for contacts whose row names a last note, `member_tags` only for those that have tags.

Incrementally these two ask only contacts whose row has other tags, or another last note, than at the last sync.
A few others are asked with them, since the state keeps sums over many contacts instead of each one's tags.
What a row doesn't show comes with a full refresh:

- a tag that was taken away and given again between two syncs has another date;
- a note that was edited, or deleted, while a newer one stands;
- tags and notes that are gone, as everywhere: the rows that were read stay.

A contact whose row holds fewer tags than it counts is asked every time.

Nothing in a contact's row proves that no open, click, event or goal has come: nobody has shown that these move
`last_changed`, and the averages in `stats` are rounded. So {read_in_full} are read in full with every sync.

## Not a stream

| endpoint | why |
| --- | --- |
{exclusions}

Single objects of a listing (`/campaigns/{{campaign_id}}`, `/lists/{{list_id}}/members/{{subscriber_hash}}` …) say what
their row in the listing says. Where they say more, or people look for them:

| endpoint | why |
| --- | --- |
{singles}
"""


def page() -> str:
    """The text of the page."""
    streams = list(STREAMS.values())
    contract = Contract()
    tables = [
        "\n".join([f"## {family}", "", _HEADER, *(_row(stream, contract) for stream in members)])
        for family, members in groupby(streams, key=lambda stream: stream.family)
    ]
    reading = _READING.format(
        window=_names(streams, Window),
        filter=_names(streams, Filter),
        relist=_names(streams, Relist, Reports),
        changed_campaigns=_names(streams, ChangedCampaigns),
        changed_parents=_names(streams, ChangedParents),
        untrusted=" and ".join(
            f"`{stream.name}`" for stream in streams if stream.paging is Paging.OFFSET and not stream.trust_total
        ),
        per_contact=_names(streams, PerContact),
        changed_contacts=_named(stream for stream in streams if _is_per_contact(stream) and stream.incremental),
        read_in_full=_named(stream for stream in streams if _is_per_contact(stream) and not stream.incremental),
        exclusions="\n".join(f"| `{path}` | {why} |" for path, why in NOT_STREAMS.items()),
        singles="\n".join(f"| `{path}` | {why} |" for path, why in SINGLE_OBJECTS.items()),
    )
    introduction = _INTRODUCTION.format(count=len(streams), suggested=", ".join(f"`{name}`" for name in SUGGESTED))
    return "\n\n".join([introduction.rstrip(), *tables, reading])


def _names(streams: list[Stream], *kinds: type) -> str:
    return _named(stream for stream in streams if isinstance(stream.reading, kinds))


def _named(streams: Iterable[Stream]) -> str:
    return ", ".join(f"`{stream.name}`" for stream in streams)


def _is_per_contact(stream: Stream) -> bool:
    return isinstance(stream.reading, PerContact)


def _row(stream: Stream, contract: Contract) -> str:
    cells = (
        f"`{stream.name}`",
        f"`/{stream.path}`",
        ", ".join(_key_parts(stream, contract)),
        f"`{stream.cursor.field}`" if stream.cursor else "",
        f"`{stream.parent.name}`" if stream.parent else "",
        "F I" if stream.incremental else "F",
        _requests(stream),
    )
    return f"| {' | '.join(cells)} |"


def _key_parts(stream: Stream, contract: Contract) -> Iterator[str]:
    answered = contract.row(stream)["properties"]
    for name in stream.key:
        # What is made of the row is taken from inside it.
        theirs = name in answered or (flattened_of(stream) is not None and name not in stream.adds)
        yield name if theirs else f"*{name}*"


def _requests(stream: Stream) -> str:
    if isinstance(stream.reading, Embedded) and stream.parent is not None:
        return f"those of `{stream.parent.name}`, whose rows hold these; {stream.cost}"
    amount = "one" if stream.paging in {Paging.OBJECT, Paging.NONE, Paging.COUNT_ONLY} else "one a page"
    if stream.parent is not None:
        changed = "changed " if isinstance(stream.reading, ChangedCampaigns) else ""
        of = "campaign" if stream.parent is STREAMS["reports"] else f"row of `{stream.parent.name}`"
        amount += f" for each {changed}{of}"
    return f"{amount}; {stream.cost}" if stream.cost else amount


def main() -> int:
    """Write the page, or compare it with ``--check``. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is stale")
    check = parser.parse_args().check
    wanted = page()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted:
        return 0
    sys.stdout.write(f"{'stale' if check else 'wrote'} docs/streams.md\n")
    if not check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(wanted, encoding="utf-8")
    return 1 if check else 0


if __name__ == "__main__":
    sys.exit(main())
