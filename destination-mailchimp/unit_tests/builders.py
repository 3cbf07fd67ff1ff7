"""What tests of the destination put together: configurations, contacts, answers, and a whole sync."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from destination_mailchimp.accounting.ledger import StreamLedger
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import Audience
from destination_mailchimp.audience.new_fields import NewFields
from destination_mailchimp.config import Config, read_config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.contacts.contact import Contact, Json
from destination_mailchimp.engine import Engine
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.catalog import ConfiguredStream
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.dispatch import Waits
from destination_mailchimp.writing.membership import StatusIndex
from destination_mailchimp.writing.new_contact_limit import NewContactLimit
from destination_mailchimp.writing.shown import StubbornFields
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import Tagger, TagIds

ROOT = "http://127.0.0.1:9/3.0"
LIST = f"{ROOT}/lists/abc"
PROBLEM = {"Content-Type": "application/problem+json"}
KEY = "0123456789abcdef0123456789abcdef-us10"
CONFIG: Json = {"credentials": {"auth_type": "apikey", "apikey": KEY}, "list_id": "abc"}


def config_of(**options: object) -> Config:
    """A configuration with these options."""
    return read_config({**CONFIG, **options})


def contact_of(ledger: StreamLedger, address: str, **body: object) -> Contact:
    """A contact of a record that has just come in."""
    return Contact(address, {"email_address": address, **body}, ledger.receive())


def people(count: int, **body: object) -> list[Contact]:
    """Contacts of one stream, each with this body."""
    ledger = StreamLedger("s")
    return [contact_of(ledger, f"{number}@example.com", **body) for number in range(count)]


def row_of(contact: Contact, **shown: object) -> Json:
    """A contact as an answer shows it, as it was sent but for ``shown``."""
    return {"id": contact.hash, **contact.body, **shown}


def batch_answer(created: Iterable[Json] = (), updated: Iterable[Json] = (), errors: Iterable[Json] = ()) -> Json:
    """The answer to a batch."""
    made, changed, wrong = list(created), list(updated), list(errors)
    totals = {"total_created": len(made), "total_updated": len(changed), "error_count": len(wrong)}
    return {"new_members": made, "updated_members": changed, "errors": wrong, **totals}


@dataclass
class Writing:
    """What writes contacts, in parts, for a test that looks at one of them."""

    calls: Calls
    config: Config = field(default_factory=config_of)
    policy: StatusPolicy = field(default_factory=lambda: StatusPolicy("subscribed"))

    def __post_init__(self) -> None:
        self.archived = StatusIndex(self.calls, "archived")
        self.writer = BatchWriter(self.calls, self.config, self.policy, self.archived)
        self.limit: NewContactLimit = self.writer.limit
        self.singles = Singles(self.calls, self.config, self.policy, self.limit, self.archived, StubbornFields())
        self.tagger = Tagger(self.calls, TagIds(self.calls))


class Sync:
    """A whole sync of the stream ``s`` with one worker, but for the writer, which may be another.

    A call that is put off is made soon, once nothing else is left.
    """

    def __init__(self, calls: Calls, writer: BatchWriter | None = None, **options: object) -> None:
        config = config_of(num_workers=1, **options)
        writing = Writing(calls, config)
        columns = Columns(config, Audience("abc", "News"))
        mapper = RecordMapper(ConfiguredStream("s", None, [["id"]], []), config, columns)
        new_fields = NewFields(calls)
        self.emitted: list[bytes] = []
        self.ledger = StreamLedger("s")
        states, self.rejects = States(self.emitted.append), Rejects(None)
        self.messages = MessageReader({(None, "s"): (mapper, self.ledger)}, states, self.rejects)
        self.engine = Engine(
            config=config,
            calls=calls,
            messages=self.messages,
            buffer=Buffer(),
            states=states,
            rejects=self.rejects,
            writer=writer or writing.writer,
            singles=writing.singles,
            tagger=writing.tagger,
            make_field=lambda wanted: new_fields.make(wanted.column, wanted.schema, wanted.value, columns.fields),
            read_names=lambda: None,
            waits=Waits(put_off_at_the_end=0.05),
        )

    def run(self, count: int) -> None:
        """This many records, and a STATE."""
        self.feed([{"id": number, "email": f"{number}@example.com"} for number in range(count)])

    def feed(self, data: list[Json]) -> None:
        """Records with this data, and a STATE."""
        messages: list[Json] = [{"type": "RECORD", "record": {"stream": "s", "data": item}} for item in data]
        lines = [orjson.dumps(message) for message in [*messages, {"type": "STATE", "state": {"data": {}}}]]
        self.engine.run([(lines, True)])
