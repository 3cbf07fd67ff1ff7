"""The dry run: says what would become of every contact, by the same rules, and writes nothing."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from destination_mailchimp.accounting.ledger import Outcome
from destination_mailchimp.accounting.lines import LinesFile
from destination_mailchimp.audience.keys import KeyIndex
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.config import Config
from destination_mailchimp.contacts.contact import Contact
from destination_mailchimp.failures import RecordRejected
from destination_mailchimp.writing.consent import StatusPolicy, statuses_upgradable_to
from destination_mailchimp.writing.hashes import possible_hashes
from destination_mailchimp.writing.moves import held_by_several, not_unique
from destination_mailchimp.writing.new_contact_limit import NewContactLimit
from destination_mailchimp.writing.result import Noted, Rejected, Result, Skipped, Written

logger = logging.getLogger("airbyte.destination_mailchimp")

_NOBODY = ""


class Preview:
    """Stands in for whatever writes batches and tags. Thread-safe. ``file`` gets a line for every contact."""

    def __init__(
        self,
        statuses: CurrentStatuses,
        config: Config,
        policy: StatusPolicy,
        file: LinesFile | None,
        keys: KeyIndex | None = None,
        knows_tag: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """``knows_tag`` tells whether the audience has a tag; nobody can lose one that it has not."""
        self._knows_tag = knows_tag
        self._statuses = statuses
        self._keys = keys
        self._config = config
        self._policy = policy
        self._file = file
        self._limit = NewContactLimit(config.max_new_contacts)
        self._lock = threading.Lock()
        self._now: dict[str, str] = {}
        """What the statuses of contacts would be by now, as far as they would differ from Mailchimp's."""
        self._changes: Counter[tuple[str, str, str]] = Counter()
        self._tags: Counter[tuple[str, bool]] = Counter()

    def write_batch(self, contacts: list[Contact], result: Result) -> None:
        """Decide for up to 500 contacts, no address twice, what would come of them. Fills ``result``."""
        found = self._statuses.of([digest for contact in contacts for digest in possible_hashes(contact)])
        for contact in contacts:
            contact.shown_hash = next((digest for digest in possible_hashes(contact) if digest in found), None)
        with self._lock:
            for contact in contacts:
                if not self._claims(contact):
                    result.rejected.append(Rejected(contact, not_unique()))
                    continue
                before = self._now.get(contact.hash, found.get(contact.hash, _NOBODY))
                if before or not self._moves(contact, result):
                    self._decide(contact, before, result)

    def prepare(self, names: list[str], result: Result) -> None:
        """No tag is made."""

    def goes_singly(self, contact: Contact) -> bool:  # noqa: ARG002 - as with the tags themselves
        """All are counted by tag."""
        return False

    def tag(self, name: str, contacts: list[Contact], result: Result, *, remove: bool = False) -> None:
        """Count who would get a tag or lose it."""
        if remove and not self._would_be_there(name):
            result.notes += [Noted(contact, f"no tag {name} to take away in the audience") for contact in contacts]
            return
        with self._lock:
            self._tags[name, remove] += len(contacts)

    def report(self) -> None:
        """Log every change of a status that a sync would make, and the tags."""
        for (stream, before, after), count in sorted(self._changes.items()):
            if before == _NOBODY:
                what = f"would be added as {after}"
            elif before == after:
                what = f"would be updated and stay {after}"
            else:
                what = f"would change from {before} to {after}"
            logger.info("Stream %s: dry run: %d contacts %s", stream, count, what)
        for (name, removed), count in sorted(self._tags.items()):
            logger.info("Dry run: %d contacts would %s the tag %s", count, "lose" if removed else "get", name)
        logger.info(
            "This was a dry run: the accounting says what a sync would do, unless Mailchimp refuses something. Nothing "
            "was written, and the source is not told to go on"
        )

    def close(self) -> None:
        """Finish the file. Raises SyncFailure if it can't be finished."""
        if self._file is not None:
            self._file.close()

    def _would_be_there(self, name: str) -> bool:
        with self._lock:
            made = {given.casefold() for given, removed in self._tags if not removed}
        return name.casefold() in made or self._knows_tag(name)

    def _decide(self, contact: Contact, before: str, result: Result) -> None:
        if contact.removed:
            self._remove(contact, before, result)
        elif before == "archived":
            self._archived(contact, result)
        elif before == _NOBODY:
            self._create(contact, result)
        elif self._config.existing_contacts == "leave" and contact.hash not in self._now:
            self._skip(contact, before, "in the audience already", result)
        else:
            self._becomes(contact, before, self._status_of_existing(contact, before), Outcome.UPDATED, result)

    def _claims(self, contact: Contact) -> bool:
        key = contact.source_key
        return self._keys is None or not key or contact.removed or self._keys.claim(key, contact.hash)

    def _moves(self, contact: Contact, result: Result) -> bool:
        """Whether it is decided on here: the contact would be moved from another address, left there, or rejected."""
        key = contact.source_key
        if self._keys is None or not key or contact.removed:
            return False
        if self._keys.has_several(key):
            result.rejected.append(Rejected(contact, held_by_several()))
            return True
        holder = self._keys.holder(key)
        if not holder:
            return False
        before = self._now.get(holder, self._statuses.of([holder]).get(holder, _NOBODY))
        if not before:
            return False
        if self._config.existing_contacts == "leave":
            self._skip(contact, before, "in the audience already, with another address", result)
        elif before == "archived":
            if self._config.archived_contacts == "revive":
                return False
            self._archived(contact, result)
        else:
            self._now[holder] = _NOBODY
            self._keys.note(key, contact.hash)
            self._becomes(contact, before, self._status_of_existing(contact, before), Outcome.UPDATED, result)
            result.notes.append(Noted(contact, "moved from another address"))
        return True

    def _remove(self, contact: Contact, before: str, result: Result) -> None:
        if before in (_NOBODY, "archived"):
            self._skip(contact, before, "archived already" if before else "not in the audience", result)
            return
        # Mailchimp archives neither of these (facts of the API): who is pending could still confirm.
        archives = self._config.deletes == "archive"
        if archives and before == "cleaned":
            reject = RecordRejected("not_removable", "Mailchimp does not archive contacts that are cleaned.")
            result.rejected.append(Rejected(contact, reject))
            return
        after = "archived" if archives and before != "pending" else "unsubscribed"
        self._becomes(contact, before, after, Outcome.REMOVED, result)

    def _archived(self, contact: Contact, result: Result) -> None:
        if self._config.archived_contacts == "revive":
            self._becomes(contact, "archived", self._policy.new(contact), Outcome.UPDATED, result)
        elif self._config.archived_contacts == "reject":
            reject = RecordRejected("archived", "The contact is archived, and archived_contacts is reject.")
            result.rejected.append(Rejected(contact, reject))
        else:
            self._skip(contact, "archived", "archived", result)

    def _create(self, contact: Contact, result: Result) -> None:
        if self._config.update_only:
            self._skip(contact, _NOBODY, "not in the audience", result)
            return
        if not self._limit.reserve(1):
            raise self._limit.exceeded()
        self._limit.confirm(1, 1)
        self._becomes(contact, _NOBODY, self._policy.new(contact), Outcome.CREATED, result)

    def _status_of_existing(self, contact: Contact, before: str) -> str:
        if self._policy.needs_current_status(contact):
            wanted = contact.status or before
            return wanted if before in statuses_upgradable_to(wanted) else before
        return self._policy.existing(contact) or before

    def _skip(self, contact: Contact, before: str, why: str, result: Result) -> None:
        result.skipped.append(Skipped(contact, why))
        self._note(contact, Outcome.SKIPPED, before, before, why=why)

    def _becomes(self, contact: Contact, before: str, after: str, outcome: Outcome, result: Result) -> None:
        self._now[contact.hash] = after
        self._changes[contact.receipt.ledger.label, before, after] += 1
        result.written.append(Written(contact, outcome))
        self._note(contact, outcome, before, after)

    def _all_tags(self, contact: Contact) -> list[str] | None:
        """Those of the configuration and of the record, each once, as a sync would set them; None for none."""
        names: dict[str, str] = {}
        for name in (*self._config.tag_names, *(contact.tags or ())):
            names.setdefault(name.casefold(), name)
        return list(names.values()) or None

    def _note(self, contact: Contact, outcome: Outcome, before: str, after: str, **more: Any) -> None:
        if self._file is None:
            return
        line = {
            "stream": contact.receipt.ledger.label,
            "outcome": outcome.value,
            "status_before": before or None,
            "status_after": after or None,
            "primary_key": contact.receipt.primary_key,
            "contact": contact.body,
            "tags": self._all_tags(contact) if outcome in (Outcome.CREATED, Outcome.UPDATED) else contact.tags,
            "removed_tags": contact.removed_tags,
            "marketing_permissions": contact.permissions,
            **more,
        }
        self._file.append(line)
