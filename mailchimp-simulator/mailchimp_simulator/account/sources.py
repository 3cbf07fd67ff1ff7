"""Where the rows of a collection come from: how many there are, the row at a position, the position of an id.

`Generic` makes rows from the contract's schema and `overrides`; the others know more than the schema does.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.generator import Row, compile_row
from mailchimp_simulator.account.overrides import OVERRIDES, Override
from mailchimp_simulator.account.randomness import index_of_hex_id, index_of_number_id, salt_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.account.ground import Ground
    from mailchimp_simulator.contract.operations import Contract, Operation

Json = dict[str, Any]
Parents = tuple[str, ...]


class Source:
    """The seeded rows of one collection."""

    key = "id"

    def __init__(self, ground: Ground, template: str) -> None:
        """`template`: the collection's path in the contract."""
        self.ground = ground
        self.template = template

    def size(self, parents: Parents) -> int:
        """How many seeded rows there are under these parents."""
        raise NotImplementedError

    def row(self, parents: Parents, index: int) -> Json:
        """The row at a position."""
        raise NotImplementedError

    def bare(self, parents: Parents, index: int) -> Json:
        """The row without what it shows of other collections, which is enough to tell its id."""
        return self.row(parents, index)

    def find(self, parents: Parents, value: str) -> int | None:
        """The position of the row with this id, or None."""
        for index in range(self.size(parents)):
            if str(self.bare(parents, index).get(self.key)) == value:
                return index
        return None

    def extra_fields(self, parents: Parents) -> Json:
        """What the answer has beside rows, total and links."""
        del parents
        return {}


@cache
def _maker(contract: Contract, operation: Operation) -> Callable[[Row], Json]:
    """What makes the rows of a collection. Kept, because nothing of it changes when an account is seeded anew."""
    fields = OVERRIDES.get(operation.path, Override()).fields
    return compile_row(contract, contract.item_schema(operation), fields)


class Generic(Source):
    """Rows made from the schema."""

    def __init__(self, ground: Ground, operation: Operation) -> None:
        """Compile the schema of `operation`, a GET of a collection."""
        super().__init__(ground, operation.path)
        self.names = operation.path_params
        override = OVERRIDES.get(operation.path, Override())
        self.override = override
        self.key = override.key or "id"
        if "" in override.fields:
            self.make = override.fields[""]
        else:
            self.make = _maker(ground.contract, operation)
        self._salts: dict[Parents, int] = {}

    def salt(self, parents: Parents) -> int:
        """What separates the rows of one parent from those of another."""
        found = self._salts.get(parents)
        if found is None:
            if len(self._salts) > 100_000:
                self._salts.clear()
            found = self._salts[parents] = salt_of(self.ground.settings.seed, self.template, *parents)
        return found

    def size(self, parents: Parents) -> int:
        """As the override says, or as a test has set it; nothing hangs on an object that a write has just made."""
        if parents and not self.ground.created_ids.isdisjoint(parents):
            return 0
        row_count_override = self.ground.row_count_override(self.template)
        if row_count_override is not None:
            return row_count_override
        rows = self.override.rows
        return rows if isinstance(rows, int) else int(getattr(self.ground.settings, rows))

    def row(self, parents: Parents, index: int) -> Json:
        """Made anew each time, always the same."""
        made: Json = self.make(Row(self.ground, self.names, parents, index, self.salt(parents)))
        return made

    def extra_fields(self, parents: Parents) -> Json:
        """As the override says."""
        del parents
        return self.override.extra_fields

    def find(self, parents: Parents, value: str) -> int | None:
        """Computed where the id is one of ours, else by looking."""
        if self.key in self.override.fields or self.key != "id":
            return super().find(parents, value)
        salt = self.salt(parents)
        for index in (index_of_hex_id(value, salt), index_of_number_id(value, salt)):
            if index is not None and 0 <= index < self.size(parents) and str(self.bare(parents, index)["id"]) == value:
                return index
        return None


class StoreOrders(Source):
    """`/ecommerce/orders`: the orders of all stores."""

    _STORES = "/ecommerce/stores"
    _ORDERS = "/ecommerce/stores/{store_id}/orders"

    def __init__(self, ground: Ground, template: str, orders: Source) -> None:
        """`orders`: the seeded ones of one store."""
        super().__init__(ground, template)
        self.orders = orders

    def _stores(self) -> list[str]:
        table = self.ground.table(self._STORES, ())
        return [table.at(n)["id"] for n in range(table.size())]

    def size(self, parents: Parents) -> int:
        """All of them, changes included; if a test sets a number, that many seeded ones of the first store."""
        del parents
        row_count_override = self.ground.row_count_override(self.template)
        if row_count_override is not None:
            return row_count_override
        return sum(self.ground.table(self._ORDERS, (store,)).size() for store in self._stores())

    def row(self, parents: Parents, index: int) -> Json:
        """Store by store."""
        del parents
        if self.ground.row_count_override(self.template) is not None:
            return self.orders.row((self._stores()[0],), index)
        for store in self._stores():
            table = self.ground.table(self._ORDERS, (store,))
            if index < table.size():
                return table.at(index)
            index -= table.size()
        raise IndexError(index)
