"""Rows that hold the rows of collections below them: orders and carts their lines, products their variants and images.

The contract has them in the parent's row with the same properties as below its own path.
"""

from __future__ import annotations

from mailchimp_simulator.account.sources import Generic, Json, Parents

_STORE = "/ecommerce/stores/{store_id}"
EMBEDDED: dict[str, dict[str, str]] = {
    f"{_STORE}/orders": {"lines": f"{_STORE}/orders/{{order_id}}/lines"},
    f"{_STORE}/carts": {"lines": f"{_STORE}/carts/{{cart_id}}/lines"},
    f"{_STORE}/products": {
        "variants": f"{_STORE}/products/{{product_id}}/variants",
        "images": f"{_STORE}/products/{{product_id}}/images",
    },
}
"""By collection, the properties that hold rows of other collections, and which."""

_TEN = 10


class WithChildren(Generic):
    """Shows the rows below each row in the row itself, as the open fact `embedded_children` says."""

    def bare(self, parents: Parents, index: int) -> Json:
        """Schema-made."""
        return super().row(parents, index)

    def row(self, parents: Parents, index: int) -> Json:
        """With the rows that there are below it now."""
        made = self.bare(parents, index)
        shown = self.ground.settings.facts.embedded_children
        for name, template in EMBEDDED[self.template].items():
            if shown == "none":
                made.pop(name, None)
            else:
                rows = self.ground.table(template, (*parents, str(made["id"])))
                size = min(rows.size(), _TEN) if shown == "ten" else rows.size()
                made[name] = [rows.at(n) for n in range(size)]
        return made
