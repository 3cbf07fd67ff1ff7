"""The rows of one collection under its parents: the seeded ones and what was created, changed or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.account.sources import Source

Json = dict[str, Any]


class Table:
    """A source with an overlay."""

    def __init__(self, source: Source, parents: tuple[str, ...], gone: set[int],
                 keep: Callable[[Table], None]) -> None:  # fmt: skip
        """No changes yet. `gone`: the places of the deleted rows; `keep` is called with each change."""
        self.source = source
        self.parents = parents
        self.created: list[Json] = []
        self.patched: dict[int, Json] = {}
        self.gone = gone
        self._keep = keep

    def size(self) -> int:
        """How many rows there are now."""
        return self.source.size(self.parents) + len(self.created) - len(self.gone)

    def place(self, index: int) -> int:
        """The position among all rows ever, of the row that stands at `index` now."""
        for gone in sorted(self.gone):
            if gone <= index:
                index += 1
        return index

    def at(self, index: int) -> Json:
        """The row that stands at `index` now."""
        return self.raw(self.place(index))

    def raw(self, place: int) -> Json:
        """The row at a position among all rows ever."""
        seeded = self.source.size(self.parents)
        row = (
            self.source.row(self.parents, place) if place < seeded or not self.created else self.created[place - seeded]
        )
        return {**row, **self.patched[place]} if place in self.patched else row

    def bare(self, place: int) -> Json:
        """The same without what it shows of other collections."""
        seeded = self.source.size(self.parents)
        return self.source.bare(self.parents, place) if place < seeded else self.raw(place)

    def find(self, value: str) -> int | None:
        """The position among all rows ever, of the row with this id; None if there is none."""
        place = self.source.find(self.parents, value)
        if place is None:
            seeded = self.source.size(self.parents)
            place = next(
                (seeded + n for n, row in enumerate(self.created) if str(row.get(self.source.key)) == value), None
            )
        return None if place is None or place in self.gone else place

    def create(self, row: Json) -> Json:
        """Add a row."""
        self.created.append(row)
        self._keep(self)
        return row

    def patch(self, place: int, fields: Json) -> Json:
        """Change a row."""
        self.patched[place] = {**self.patched.get(place, {}), **fields}
        self._keep(self)
        return self.raw(place)

    def delete(self, place: int) -> None:
        """Take a row out."""
        self.gone.add(place)
        self._keep(self)
