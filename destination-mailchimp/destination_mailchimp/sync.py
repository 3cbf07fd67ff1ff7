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
from destination_mailchimp.audience.calls import ONE_ATTEMPT, Calls
from destination_mailchimp.audience.fields import MergeField, read_audience, some_merge_fields
from destination_mailchimp.audience.forms import AcceptedForms
from destination_mailchimp.audience.new_fields import NewFields, make_tag
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.buffer import Buffer
from destination_mailchimp.engine import Engine
from destination_mailchimp.failures import Stopped, SyncFailure
from destination_mailchimp.input.lines import Lines, Reader
from destination_mailchimp.input.messages import MessageReader
from destination_mailchimp.mapping.catalog import read_catalog
from destination_mailchimp.mapping.columns import Columns
from destination_mailchimp.mapping.record import RecordMapper, WantedField
from destination_mailchimp.progress import WriteProgress
from destination_mailchimp.writing.batches import BatchWriter
from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.preview import Preview
from destination_mailchimp.writing.singles import Singles
from destination_mailchimp.writing.tags import Tagger, TagIds
from mailchimp_api.access import open_access
from mailchimp_api.client import MailchimpClient, RetryPolicy

logger = logging.getLogger("airbyte.destination_mailchimp")

USER_AGENT = "destination-mailchimp"


def open_calls(config: Config, retry: RetryPolicy | None = None) -> Calls:
    """The way to the configured audience; asks Mailchimp for nothing but, with OAuth, the host.

    Without ``retry`` a call is repeated for as long as ``retry_seconds`` says, however often that is.
    Raises the ConfigErrors of ``mailchimp_api.errors``, and TransientErrors where OAuth's host has a problem.
    """
    retry = retry or RetryPolicy(attempts=sys.maxsize, seconds=config.retry_seconds)
    access = open_access(config.credentials, data_center=config.data_center, api_url=config.api_url)
    patient = MailchimpClient(access, max_connections=1, user_agent=USER_AGENT, retry=retry)
    client = MailchimpClient(access, max_connections=config.num_workers, user_agent=USER_AGENT, retry=ONE_ATTEMPT)
    return Calls(client, patient, config.list_id, workers=config.num_workers, retry=retry)


def run_sync(
    config: Config,
    catalog: Any,
    source: Iterable[tuple[Lines, bool]],
    output: Output,
    *,
    retry: RetryPolicy | None = None,
    on_end: Callable[[Callable[[], None]], None] | None = None,
    live: Live | None = None,
) -> None:
    """Carry out the write command; raises whatever made it fail, after the accounting once there is something to count.

    ``on_end`` gets what ends the sync in good order, safe to be called from any thread; it raises SyncFailure then.
    ``live``: for a person who watches.
    """
    with warnings_counted(logger):
        _run_sync(config, catalog, source, output, retry=retry, on_end=on_end, live=live)


def _run_sync(
    config: Config,
    catalog: Any,
    source: Iterable[tuple[Lines, bool]],
    output: Output,
    *,
    retry: RetryPolicy | None,
    on_end: Callable[[Callable[[], None]], None] | None,
    live: Live | None,
) -> None:
    streams = read_catalog(catalog, config)
    calls = open_calls(config, retry)
    audience = read_audience(calls, config.list_id)
    columns = Columns(config, audience)
    rejects = Rejects(config.rejects_file)
    preview = _preview(config, calls, policy := StatusPolicy.of(config, audience))
    # A dry run has written nothing, so the source must not be told to go on.
    states = States(output.emit if preview is None else lambda _: None)
    make = _field_maker(calls, columns, dry_run=config.dry_run)
    by_name = {}
    for stream in streams:
        mapper = RecordMapper(stream, config, columns, keep_records=rejects.keeps_records)
        by_name[stream.namespace, stream.name] = (mapper, StreamLedger(stream.name, stream.namespace))
        if stream.generations:
            logger.info(
                "Stream %s: a refresh replaces nothing in Mailchimp: contacts of earlier generations stay", stream.name
            )
    messages = MessageReader(by_name, states, rejects, make)
    forms = AcceptedForms(audience.merge_fields, lambda: some_merge_fields(calls), config.state_placeholder)
    writer = BatchWriter(calls, config, policy, forms)
    buffer = Buffer()
    engine = Engine(
        messages=messages,
        buffer=buffer,
        states=states,
        rejects=rejects,
        writer=preview or writer,
        singles=Singles(calls, config, policy, writer.limit, writer.archived, forms),
        tagger=preview or Tagger(calls, TagIds(calls)),
        tags=config.tag_names,
        replace_tags=config.replace_tags,
        workers=config.num_workers,
        stop_calls=calls.stopping.set,
        interrupt_calls=calls.interrupt,
    )
    if on_end:
        on_end(engine.stop)
    progress = WriteProgress(lambda: messages.ledgers, calls.client.usage)
    logger.info("New contacts in audience %s will be created as %s", audience.name or audience.id, policy.for_new)
    try:
        try:
            with Progress(progress.lines, progress.line, live=live):
                engine.run(lambda put: Reader(source, put))
        finally:
            # Before the accounting, so that a log that ends with it tells of a sync whose rejects are kept.
            unfinished = _close(rejects) or (_close(preview) if preview else None)
        logger.info("%s", calls.client.usage)
        if unfinished and engine.failure:
            logger.error("%s", unfinished)
        if preview is not None:
            preview.report()
        _finish(engine.failure or unfinished, config, messages, rejects)
    finally:
        buffer.versions.close()
        calls.client.close()
        calls.patient.close()


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


def _preview(config: Config, calls: Calls, policy: StatusPolicy) -> Preview | None:
    """What stands in for all that writes in a dry run; None for a sync that does."""
    if not config.dry_run:
        return None
    calls.read_only = True
    logger.info("This is a dry run: nothing is written to Mailchimp")
    file = LinesFile(config.dry_run_file, "dry_run_file") if config.dry_run_file else None
    return Preview(CurrentStatuses(calls), config, policy, file)


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
    failure = failure or _too_many_rejects(ledgers, rejects, config.max_rejected_percent)
    if isinstance(failure, Stopped):
        raise SyncFailure(
            "The sync was stopped. What is acknowledged is written; the next sync goes on from there.",
            "transient_error",
        )
    if failure is not None:
        raise failure


def _too_many_rejects(ledgers: list[StreamLedger], rejects: Rejects, most_percent: float) -> SyncFailure | None:
    received = sum(ledger.received for ledger in ledgers)
    rejected = sum(ledger.outcomes[Outcome.REJECTED] for ledger in ledgers)
    if not rejected:
        return None
    if rejected == received and len(rejects.causes) == 1:
        cause = next(iter(rejects.causes))
        return SyncFailure(f"All {received} records were rejected for the same cause: {cause}")
    percent = 100 * rejected / received
    if percent > most_percent:
        return SyncFailure(
            f"{rejected} of {received} records were rejected ({percent:.1f} %), more than the {most_percent:g} % "
            f"that max_rejected_percent admits. Most of them: {rejects.causes.most_common(1)[0][0]} "
            "The log (or the rejects file) names the others."
        )
    return None
