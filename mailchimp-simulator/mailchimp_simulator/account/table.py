"""The rows of one collection under its parents: the seeded ones and what was created, changed or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailchimp_simulator.account.sources import Source
    from mailchimp_simulator.account.world import World

Json = dict[str, Any]


class Table:
    """A source with an overlay. Kept by the world from its first change on."""

    def __init__(self, world: World, source: Source, parents: tuple[str, ...]) -> None:
        """No changes yet."""
        self.world = world
        self.source = source
        self.parents = parents
        self.created: list[Json] = []
        self.patched: dict[int, Json] = {}
        self.gone: set[int] = set()

    def _deleted(self) -> set[int]:
        if self.source.template in ("/lists", "/audiences"):
            return self.world.deleted_audiences
        if self.source.template == "/campaigns":
            return self.world.campaigns.deleted
        return self.gone

    def size(self) -> int:
        """How many rows there are now."""
        return self.source.size(self.parents) + len(self.created) - len(self._deleted())

    def place(self, index: int) -> int:
        """The position among all rows ever, of the row that stands at `index` now."""
        for gone in sorted(self._deleted()):
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

    def find(self, value: str) -> int | None:
        """The position among all rows ever, of the row with this id; None if there is none."""
        place = self.source.find(self.parents, value)
        if place is None:
            seeded = self.source.size(self.parents)
            place = next(
                (seeded + n for n, row in enumerate(self.created) if str(row.get(self.source.key)) == value), None
            )
        return None if place is None or place in self._deleted() else place

    def _keep(self) -> None:
        self.world.tables[self.source.template, self.parents] = self
        self.world.touch()

    def create(self, row: Json) -> Json:
        """Add a row."""
        self.created.append(row)
        self._keep()
        return row

    def patch(self, place: int, fields: Json) -> Json:
        """Change a row."""
        self.patched[place] = {**self.patched.get(place, {}), **fields}
        self._keep()
        return self.raw(place)

    def delete(self, place: int) -> None:
        """Take a row out."""
        if self.source.template == "/campaigns":
            self.world.campaigns.deleted.add(place)
        elif self.source.template in ("/lists", "/audiences"):
            self.world.deleted_audiences.add(place)
        else:
            self.gone.add(place)
        self._keep()
