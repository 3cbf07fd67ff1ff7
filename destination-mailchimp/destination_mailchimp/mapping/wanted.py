"""What a record may need that is not known yet; a worker finds or makes it, and then the record is mapped again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WantedField:
    """A column that matches no field, so that one is to be made for it (``create_missing_merge_fields``).

    ``schema`` is the column's JSON schema, ``value`` its first value: together they tell the field's type.
    """

    column: str
    schema: dict[str, Any]
    value: Any


class NotMappableYet(Exception):
    """The record can be mapped when these fields have been made, or could not be: see ``RecordMapper.bind_made``.

    ``names``: the audience's groups and permissions must be known as well: see ``Columns.learn_names``.
    """

    def __init__(self, fields: Iterable[WantedField] = (), *, names: bool = False) -> None:
        self.fields = list(fields)
        super().__init__(", ".join(field.column for field in self.fields))
        self.names = names
