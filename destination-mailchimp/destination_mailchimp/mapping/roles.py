"""Which column says who a record is about, what their status is, and whether it was deleted."""

from __future__ import annotations

from collections.abc import Iterable

from destination_mailchimp.config import Config
from destination_mailchimp.mapping.addresses import email_column, plain


class NamedColumn:
    """A column that an option names, as the stream spells it: ``status`` finds ``Status``.

    One of exactly that name is preferred, whenever it is first seen.
    """

    __slots__ = ("name", "wanted")

    def __init__(self, wanted: str | None) -> None:
        self.wanted = wanted
        self.name: str | None = None

    def learn(self, columns: list[str]) -> None:
        """Columns are seen for the first time."""
        if not self.wanted:
            return
        if self.wanted in columns:
            self.name = self.wanted
        elif self.name is None:
            name = plain(self.wanted)
            self.name = next((column for column in columns if plain(column) == name), None)


class Roles:
    """The columns of one stream that say something about the record rather than go into a field."""

    def __init__(self, config: Config) -> None:
        self._email = NamedColumn(config.email_field)
        self._status = NamedColumn(config.status_field)
        self._deleted = NamedColumn(config.deleted_field)

    def learn(self, columns: Iterable[str]) -> None:
        """Columns are seen for the first time."""
        names = list(columns)
        for column in (self._email, self._status, self._deleted):
            column.learn(names)
        if not self._email.wanted and self._email.name is None:
            # For a stream without a schema the first record that has such a column decides.
            self._email.name = email_column(names)

    @property
    def email(self) -> str | None:
        """The column of the address."""
        return self._email.name

    @property
    def status(self) -> str | None:
        """The column of the subscription status; None unless an option names one."""
        return self._status.name

    @property
    def deleted(self) -> str | None:
        """The column that marks deleted records; None unless an option names one."""
        return self._deleted.name

    def __contains__(self, column: str) -> bool:
        """Whether a column has one of these roles."""
        return column in (self.email, self.status, self.deleted)
