"""Connected stores and what they sell. The API filters none of it by date, so all of it is read in full.

Orders and carts hold their lines, products their variants and images, with the same fields as below their own paths
(contract), so a page of parents brings the children of all of them.
"""

from __future__ import annotations

from functools import partial

from source_mailchimp.stream import Embedded, Record, Stream

FAMILY = "E-commerce"

STORES = Stream("stores", "ecommerce/stores", items="stores", key=("id",), family=FAMILY, tells_deletions=True)

_of_store = partial(Stream, parent=STORES, family=FAMILY)


def has_some(parent: Record) -> bool:  # noqa: ARG001 - it holds for any
    """No order and no cart is without lines, no product without variants: the contract requires them."""
    return True


def has_an_image(product: Record) -> bool:
    """A product may be without images, but not if it names the address of one."""
    return bool(product.get("image_url"))


_PAGES = "one more for each of them whose row leaves doubt"

CUSTOMERS = _of_store(
    "customers",
    "ecommerce/stores/{store_id}/customers",
    items="customers",
    key=("store_id", "id"),
    tells_deletions=True,
)

PRODUCTS = _of_store(
    "products", "ecommerce/stores/{store_id}/products", items="products", key=("store_id", "id"), tells_deletions=True
)

PRODUCT_VARIANTS = _of_store(
    "product_variants",
    "ecommerce/stores/{store_id}/products/{product_id}/variants",
    items="variants",
    key=("store_id", "product_id", "id"),
    parent=PRODUCTS,
    reading=Embedded("variants", has_some),
    cost=_PAGES,
)

PRODUCT_IMAGES = _of_store(
    "product_images",
    "ecommerce/stores/{store_id}/products/{product_id}/images",
    items="images",
    key=("store_id", "product_id", "id"),
    parent=PRODUCTS,
    reading=Embedded("images", has_an_image),
    cost=_PAGES,
)

ORDERS = _of_store(
    "orders", "ecommerce/stores/{store_id}/orders", items="orders", key=("store_id", "id"), tells_deletions=True
)

ORDER_LINES = _of_store(
    "order_lines",
    "ecommerce/stores/{store_id}/orders/{order_id}/lines",
    items="lines",
    key=("store_id", "order_id", "id"),
    parent=ORDERS,
    reading=Embedded("lines", has_some),
    cost=_PAGES,
)

CARTS = _of_store("carts", "ecommerce/stores/{store_id}/carts", items="carts", key=("store_id", "id"))

CART_LINES = _of_store(
    "cart_lines",
    "ecommerce/stores/{store_id}/carts/{cart_id}/lines",
    items="lines",
    key=("store_id", "cart_id", "id"),
    parent=CARTS,
    reading=Embedded("lines", has_some),
    cost=_PAGES,
)

PROMO_RULES = _of_store(
    "promo_rules",
    "ecommerce/stores/{store_id}/promo-rules",
    items="promo_rules",
    key=("store_id", "id"),
    tells_deletions=True,
)

PROMO_CODES = _of_store(
    "promo_codes",
    "ecommerce/stores/{store_id}/promo-rules/{promo_rule_id}/promo-codes",
    items="promo_codes",
    key=("store_id", "promo_rule_id", "id"),
    parent=PROMO_RULES,
    tells_deletions=True,
)

TABLE = (
    STORES,
    CUSTOMERS,
    PRODUCTS,
    PRODUCT_VARIANTS,
    PRODUCT_IMAGES,
    ORDERS,
    ORDER_LINES,
    CARTS,
    CART_LINES,
    PROMO_RULES,
    PROMO_CODES,
)
