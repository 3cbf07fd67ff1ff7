"""Puts the parts of the write command together and runs it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any

from connector_cli.output import Output
from connector_cli.progress import Live, Progress
from destination_mailchimp.accounting.ledger import Outcome, StreamLedger, report
from destination_mailchimp.accounting.lines import LinesFile
from destination_mailchimp.accounting.rejects import Rejects
from destination_mailchimp.accounting.repeats import warnings_counted
from destination_mailchimp.accounting.states import States
from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.fields import MergeField, read_audience, read_names, some_merge_fields
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.audience.new_fields import NewFields, make_tag
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.engine import Engine
from destination_mailchimp.failures import ABOUT_A_PERSON, Stopped, SyncFailure
from destination_mailchimp.input.lines import Lines
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.catalog import ConfiguredStream, read_catalog
from destination_mailchimp.mapping.columns import Columns, needs_names
from destination_mailchimp.mapping.record import RecordMapper
from destination_mailchimp.mapping.wanted import WantedField
from destination_mailchimp.progress import WriteProgress
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy, announcement, opt_in_overridden
from destination_mailchimp.writing.dispatch import Waits
from destination_mailchimp.writing.membership import ARCHIVED_SECONDS, StatusIndex
from destination_mailchimp.writing.moves import Mover
from destination_mailchimp.writing.preview import Preview
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import Tagger, TagIds
from mailchimp_api.access import open_access
from mailchimp_api.client import RetryPolicy

logger = logging.getLogger("airbyte.destination_mailchimp")


def open_calls(config: Config, retry: RetryPolicy | None = None) -> Calls:
    """The way to the configured audience; asks Mailchimp for nothing but, with OAuth, the host.

    Without ``retry`` a call is repeated for as long as ``retry_seconds`` says, however often that is.
    Raises the ConfigErrors of ``mailchimp_api.errors``, and TransientErrors where OAuth's host fails.
    """
    retry = retry or RetryPolicy(attempts=sys.maxsize, seconds=config.retry_seconds)
    access = open_access(config.credentials, data_center=config.data_center, api_url=config.api_url)
    return Calls(access, config.list_id, workers=config.num_workers, retry=retry)


def run_sync(
    config: Config,
    catalog: Any,
    source: Iterable[tuple[Lines, bool]],
    output: Output,
    *,
    retry: RetryPolicy | None = None,
    waits: Waits | None = None,
    on_end: Callable[[Callable[[], None]], None] | None = None,
    live: Live | None = None,
) -> None:
    """Carry out the write command; raises whatever made it fail, after the accounting once there is something to count.

    ``retry``: as in ``open_calls``. ``waits``: how long calls wait for others, if not as long as usual.
    ``on_end`` gets what ends the sync in good order, safe to be called from any thread; it raises SyncFailure then.
    ``live``: for a person who watches.
    """
    with warnings_counted(logger):
        _run_sync(config, catalog, source, output, retry=retry, waits=waits, on_end=on_end, live=live)


def _run_sync(
    config: Config,
    catalog: Any,
    source: Iterable[tuple[Lines, bool]],
    output: Output,
    *,
    retry: RetryPolicy | None,
    waits: Waits | None,
    on_end: Callable[[Callable[[], None]], None] | None,
    live: Live | None,
) -> None:
    streams = read_catalog(catalog, config)
    calls = open_calls(config, retry)
    archived, tag_ids = StatusIndex(calls, "archived", refresh=ARCHIVED_SECONDS), TagIds(calls)
    # What the first batch would have to wait for is asked beside what the first record waits for.
    audience = read_audience(
        calls,
        archived.prepare,
        *([tag_ids.load] if _tags_any(config, streams) else []),
        names=lambda fields: needs_names(config, streams, fields),
    )
    columns = Columns(config, audience)
    rejects = Rejects(config.rejects_file, dry_run=config.dry_run)
    policy = StatusPolicy.of(config, audience)
    if columns.key_tag and len(streams) > 1:
        raise SyncFailure(
            "key_field goes with one stream only, as the keys of several could be taken for each other. Make a "
            "connection of its own for each stream, with a field of its own for the keys."
        )
    keys = KeyIndex(calls, columns.key_tag) if columns.key_tag else None
    preview = _preview(config, calls, policy, keys, tag_ids)
    # A dry run has written nothing, so the source must not be told to go on.
    states = States(output.emit if preview is None else lambda _: None)
    by_name = {}
    for stream in streams:
        mapper = RecordMapper(stream, config, columns, keep_records=rejects.keeps_records)
        by_name[stream.namespace, stream.name] = (mapper, StreamLedger(stream.name, stream.namespace))
        if stream.generations:
            logger.info(
                "Stream %s: a refresh replaces nothing in Mailchimp: contacts of earlier generations stay", stream.name
            )
    messages = MessageReader(by_name, states, rejects)
    states.withheld = lambda: _is_too_bad(messages, rejects, config.max_rejected_percent)
    forms = AcceptedForms(audience.merge_fields, lambda: some_merge_fields(calls), config.placeholders)
    mover = Mover(calls, config, keys) if keys else None
    writer = BatchWriter(calls, config, policy, archived, forms, mover)
    buffer = Buffer()
    engine = Engine(
        config=config,
        calls=calls,
        messages=messages,
        buffer=buffer,
        states=states,
        rejects=rejects,
        writer=preview or writer,
        singles=Singles(calls, config, policy, writer.limit, archived, writer.stubborn, forms, writer.existing),
        tagger=preview or Tagger(calls, tag_ids),
        make_field=_field_maker(calls, columns, dry_run=config.dry_run),
        read_names=lambda: columns.learn_names(*read_names(calls, audience)),
        waits=waits,
    )
    if on_end:
        on_end(engine.stop)
    progress = WriteProgress(lambda: messages.ledgers, calls.client.usage)
    logger.info("%s", announcement(config, audience))
    if overridden := opt_in_overridden(config, audience):
        logger.warning("%s", overridden)
    try:
        try:
            with Progress(progress.lines, progress.line, live=live):
                engine.run(source)
        finally:
            # Before the accounting, so that a log that ends with it tells of a sync whose rejects are kept.
            unfinished = _close(rejects) or (_close(preview) if preview else None)
        logger.info("%s", calls.client.usage)
        if unfinished and engine.failure:
            logger.error("%s", unfinished)
        if preview is not None:
            preview.report()
        forms.report()
        _finish(engine.failure or unfinished, config, messages, rejects)
    finally:
        buffer.versions.close()
        calls.close()


def _tags_any(config: Config, streams: list[ConfiguredStream]) -> bool:
    return bool(config.tag_names) or any(config.tags_field in stream.columns for stream in streams)


def _field_maker(calls: Calls, columns: Columns, *, dry_run: bool) -> Callable[[WantedField], MergeField | None]:
    new_fields = NewFields(calls)

    def make(wanted: WantedField) -> MergeField | None:
        if dry_run:
            field = MergeField(make_tag(wanted.column, {field.tag for field in columns.fields}), wanted.column, "text")
            columns.fields.append(field)
            logger.info("Dry run: a field %s would be created for the column %s", field.tag, wanted.column)
            return field
        return new_fields.make(wanted.column, wanted.schema, wanted.value, columns.fields)

    return make


def _preview(
    config: Config, calls: Calls, policy: StatusPolicy, keys: KeyIndex | None, tag_ids: TagIds
) -> Preview | None:
    """What stands in for all that writes in a dry run; None for a sync that does."""
    if not config.dry_run:
        return None
    calls.read_only = True
    logger.info("This is a dry run: nothing is written to Mailchimp")
    file = LinesFile(config.dry_run_file, "dry_run_file") if config.dry_run_file else None
    return Preview(CurrentStatuses(calls), config, policy, file, keys, tag_ids.knows)


def _close(file: Rejects | Preview) -> SyncFailure | None:
    """Finish the file of rejects, or of a dry run; returns the failure, if it can't be finished."""
    try:
        file.close()
    except SyncFailure as error:
        return error
    return None


def _finish(failure: BaseException | None, config: Config, messages: MessageReader, rejects: Rejects) -> None:
    """Log the accounting, decide how the sync ended, and raise that unless it ended well."""
    ledgers = messages.ledgers
    try:
        report(ledgers, unreadable=messages.unreadable)
    except SyncFailure as wrong:
        failure = failure or wrong
    failure = failure or input_failure(messages, config.max_rejected_percent)
    failure = failure or too_many_rejects(ledgers, rejects, config.max_rejected_percent)
    if isinstance(failure, Stopped):
        raise SyncFailure(
            "The sync was stopped. What is acknowledged is written; the next sync goes on from there.",
            "transient_error",
        )
    if failure is not None:
        raise failure


def input_failure(messages: MessageReader, most_percent: float) -> SyncFailure | None:
    """Why the input as a whole fails the sync; None if it does not."""
    if messages.internal_errors:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(messages.internal_errors.items()))
        return SyncFailure(
            f"Errors in the connector kept records from being mapped ({kinds}). All others are written, but no state "
            "passes these. Please report it with the log.",
            "system_error",
        )
    lines = messages.unreadable + messages.understood
    if not lines:
        logger.warning(
            "No input came, so nothing was to be written. If the source should have sent something: in Docker, is "
            "--interactive (-i) missing?"
        )
    if not _too_little_read(messages, most_percent):
        return None
    way_out = "" if messages.understood else " For CSV or bare rows see examples/csv_to_audience.py in the repository."
    return SyncFailure(
        f"{messages.unreadable} of {lines} lines of input could not be read. Expected are Airbyte messages, one JSON "
        'object a line, such as {"type": "RECORD", "record": {"stream": "people", "data": {…}, "emitted_at": 0}}.'
        + way_out
    )


def _too_little_read(messages: MessageReader, most_percent: float) -> bool:
    lines = messages.unreadable + messages.understood
    return bool(messages.unreadable) and not (messages.understood and 100 * messages.unreadable / lines <= most_percent)


def _is_too_bad(messages: MessageReader, rejects: Rejects, most_percent: float) -> bool:
    """Whether the sync would fail if it ended now, as too much of what has been done was refused or unreadable."""
    too_little_read = _too_little_read(messages, most_percent)
    return too_little_read or too_many_rejects(messages.ledgers, rejects, most_percent) is not None


def too_many_rejects(ledgers: list[StreamLedger], rejects: Rejects, most_percent: float) -> SyncFailure | None:
    """Why the rejects fail the sync; None if they do not: all for one cause, or more than ``most_percent`` of them.

    While it runs, what is still under way does not count.
    """
    received = sum(sum(ledger.outcomes.values()) for ledger in ledgers)
    rejected = sum(ledger.outcomes[Outcome.REJECTED] for ledger in ledgers)
    if not rejected:
        return None
    if rejected == received and len(rejects.causes) == 1:
        cause = next(iter(rejects.causes))
        if cause.reason not in ABOUT_A_PERSON:
            return SyncFailure(
                f"All {received} records were rejected for the same cause: {cause} "
                "Mend the cause and run the sync again: the source has not been told to go on, so they come again."
            )
    percent = 100 * rejected / received
    if percent > most_percent:
        return SyncFailure(
            f"{rejected} of {received} records were rejected ({percent:.1f} %), more than the {most_percent:g} % "
            f"that max_rejected_percent admits. Most of them: {rejects.causes.most_common(1)[0][0]} "
            "The log (or the rejects file) names the others. Mend the causes, or raise max_rejected_percent, and run "
            "the sync again: what came after the last STATE that was acknowledged comes again."
        )
    return None
