"""A probe of orders: do they hold all of their lines? It only reads."""

from __future__ import annotations

from typing import Any

from probes.findings import Account, Finding, Probe, Unsettled

Json = dict[str, Any]
_STORES = 5
_ORDERS = 20  # of each store, those that show the most lines
_TEN = 10


def embedded_children(account: Account) -> Finding:
    """Do orders hold all rows below them, the first ten, or none?"""
    stores = account.client.get("ecommerce/stores", {"count": _STORES, "fields": "stores.id"}, items="stores")["stores"]
    counts = [pair for store in stores for pair in _lines(account, f"ecommerce/stores/{store['id']}/orders")]
    counts = [(shown, there) for shown, there in counts if there]
    if not counts:
        raise Unsettled("the account has no order with lines")
    what = f"{len(counts)} orders, {max(there for _, there in counts)} lines at most"
    if not any(shown for shown, _ in counts):
        return Finding("none", what)
    if all(shown == there for shown, there in counts):
        if max(there for _, there in counts) <= _TEN:
            raise Unsettled(f"no order has more than ten lines; of {what} all are shown")
        return Finding("all", what)
    if all(shown == min(there, _TEN) for shown, there in counts):
        return Finding("ten", what)
    raise Unsettled(f"some lines are missing, but not as expected; {what}")


def _lines(account: Account, path: str) -> list[tuple[int, int]]:
    """How many lines an order shows, and how many it has."""
    query: Json = {"count": 100, "fields": "orders.id,orders.lines.id"}
    orders: list[Json] = account.client.get(path, query, items="orders")["orders"]
    shown = sorted(((len(order.get("lines") or ()), str(order["id"])) for order in orders), reverse=True)[:_ORDERS]
    return [
        (number, int(account.client.get(f"{path}/{order}/lines", {"count": 1}, items="lines")["total_items"]))
        for number, order in shown
    ]


PROBES = (Probe("embedded_children", embedded_children),)
