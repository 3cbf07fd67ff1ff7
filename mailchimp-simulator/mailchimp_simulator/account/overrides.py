"""What the contract does not say about a collection: how many rows it has, and values that only a person knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from mailchimp_simulator.account.generator import Maker, Row
from mailchimp_simulator.account.randomness import hex_id
from mailchimp_simulator.contract.times import iso
from mailchimp_simulator.settings import Settings

_DAY = 86_400


@dataclass(frozen=True)
class Override:
    """How a generic collection differs from what its schema alone would give."""

    rows: int | Callable[[Settings], int] = 3
    fields: dict[str, Maker] = field(default_factory=dict)
    key: str | None = None
    """The property that the single object's path uses, where it isn't `id`."""
    extra_fields: dict[str, Any] = field(default_factory=dict)
    """What the answer has beside its rows."""


def _day(row: Row) -> str:
    return iso(row.ground.clock.start - row.index * _DAY)[:10]


def _month(row: Row) -> str:
    start = datetime.fromtimestamp(row.ground.clock.start, timezone.utc)
    months = start.year * 12 + start.month - 1 - row.index
    return f"{months // 12:04d}-{months % 12 + 1:02d}"


_COUNTRY_CODES = ("US", "DE", "FR", "UA", "BR", "JP", "GB", "")


def _country(row: Row) -> str:
    return _COUNTRY_CODES[row.index] if row.index < len(_COUNTRY_CODES) else f"X{row.index}"


def _name(*names: str) -> Maker:
    def make(row: Row) -> str:
        return names[row.index] if row.index < len(names) else f"{names[0]} {row.index}"

    return make


def _plain(value: Any) -> Maker:
    return lambda _row: value


def _index(row: Row) -> int:
    return row.index


def _activity(row: Row) -> dict[str, Any]:
    """One event of a contact's activity feed, of a kind that its position says."""
    kind = ("open", "click", "sent", "bounce", "unsub")[row.index % 5]
    event: dict[str, Any] = {
        "activity_type": kind,
        "created_at_timestamp": iso(row.updated()),
        "campaign_id": row.ground.reference("campaign_id", row.bits),
        "campaign_title": "Été",
    }
    if kind == "click":
        event["link_clicked"] = "https://example.com/a"
    if kind == "bounce":
        event |= {"bounce_type": "hard" if row.bits & 1 else "soft", "bounce_has_open_activity": False}
    if kind == "unsub":
        event |= {"is_admin_unsubscribed": bool(row.bits & 1), "unsubscribe_reason": ""}
    return event


def _survey(row: Row) -> dict[str, Any]:
    """The contract has no schema for a list's surveys; these are the fields that its reports name."""
    return {"id": hex_id(row.index, row.salt), "title": f"Survey {row.index}", "status": "published"}


_STYLES = [{"selector": "page_background", "options": [{"property": "background-color", "value": "#ffffff"}]}]
_ONE_LINE: dict[str, Maker] = {
    "product_id": lambda row: row.ground.reference("product_id", row.bits, row.parents[:1]),
    "quantity": lambda row: row.bits % 5 + 1,
}


OVERRIDES: dict[str, Override] = {
    "/account-exports": Override(2, {"export_id": lambda row: row.index + 1}, "export_id"),
    "/activity-feed/chimp-chatter": Override(5),
    "/authorized-apps": Override(2),
    "/automations/{workflow_id}/emails/{workflow_email_id}/queue": Override(
        3, {"id": lambda row: row.contact[1], "email_id": lambda row: row.parents[1]}),
    "/automations/{workflow_id}/removed-subscribers": Override(2, {"id": lambda row: row.contact[1]}),
    "/batch-webhooks": Override(1),
    "/batches": Override(2),
    "/campaign-folders": Override(2),
    "/campaigns/{campaign_id}/feedback": Override(
        1, {"feedback_id": lambda row: row.index + 1 + row.salt % 900_000 * 1_000_000}, "feedback_id"),
    "/campaigns/{campaign_id}/send-checklist": Override(
        3, {"id": lambda row: row.index + 1}, extra_fields={"is_ready": True}),
    "/connected-sites": Override(2, {"foreign_id": lambda row: hex_id(row.index, row.salt)}, "foreign_id"),
    "/conversations": Override(lambda s: s.conversations),
    "/conversations/{conversation_id}/messages": Override(
        lambda s: s.messages, {"read": lambda row: bool(row.bits & 1)}),
    "/ecommerce/stores": Override(lambda s: s.stores),
    "/ecommerce/stores/{store_id}/carts": Override(2),
    "/ecommerce/stores/{store_id}/carts/{cart_id}/lines": Override(2, _ONE_LINE),
    "/ecommerce/stores/{store_id}/customers": Override(5),
    "/ecommerce/stores/{store_id}/orders": Override(lambda s: s.orders, {"tracking_code": _plain("prec")}),
    "/ecommerce/stores/{store_id}/orders/{order_id}/lines": Override(2, _ONE_LINE),
    "/ecommerce/stores/{store_id}/products": Override(lambda s: s.products),
    "/ecommerce/stores/{store_id}/products/{product_id}/images": Override(1),
    "/ecommerce/stores/{store_id}/products/{product_id}/variants": Override(2),
    "/ecommerce/stores/{store_id}/promo-rules": Override(2),
    "/ecommerce/stores/{store_id}/promo-rules/{promo_rule_id}/promo-codes": Override(2),
    "/facebook-ads": Override(2),
    "/file-manager/files": Override(4, extra_fields={"total_file_size": 4_096}),
    "/file-manager/folders": Override(2),
    "/file-manager/folders/{folder_id}/files": Override(2, {"folder_id": lambda row: int(row.parents[0])}),
    "/landing-pages": Override(3),
    "/lists/{list_id}/abuse-reports": Override(2),
    "/lists/{list_id}/activity": Override(15, {"day": _day}, "day"),
    "/lists/{list_id}/clients": Override(
        4, {"client": _name("Gmail", "Apple Mail", "Outlook", "Thunderbird")}, "client"),
    "/lists/{list_id}/growth-history": Override(24, {"month": _month}, "month"),
    "/lists/{list_id}/interest-categories": Override(
        2, {"title": _name("Product Preferences", "Störungen"), "display_order": _index}),
    "/lists/{list_id}/interest-categories/{interest_category_id}/interests": Override(
        3, {"category_id": lambda row: row.parents[1], "name": _name("Donating", "Events", "Été"),
            "subscriber_count": lambda row: str(row.bits % 9), "display_order": lambda row: row.index + 1}),
    "/lists/{list_id}/locations": Override(4, {"cc": _country, "country": _country}, "cc"),
    "/lists/{list_id}/members/{subscriber_hash}/activity": Override(3, {
        "timestamp": lambda row: iso(row.updated()), "action": lambda row: ("sent", "open", "click")[row.index % 3],
        "type": _plain("regular"), "parent_campaign": _plain("")}),
    "/lists/{list_id}/members/{subscriber_hash}/activity-feed": Override(5, {"": _activity}),
    "/lists/{list_id}/members/{subscriber_hash}/events": Override(
        2, {"properties": lambda row: {"plan": "paid", "seats": str(row.bits % 9)}}),
    "/lists/{list_id}/members/{subscriber_hash}/goals": Override(
        1, {"goal_id": lambda row: row.index + 1, "data": _plain("")}, "goal_id"),
    "/lists/{list_id}/members/{subscriber_hash}/notes": Override(1),
    "/lists/{list_id}/signup-forms": Override(1, {"list_id": lambda row: row.list_id, "styles": _plain(_STYLES)}),
    "/lists/{list_id}/surveys": Override(2, {"": _survey}),
    "/lists/{list_id}/webhooks": Override(1),
    "/reporting/facebook-ads": Override(2),
    "/reporting/facebook-ads/{outreach_id}/ecommerce-product-activity": Override(2, {
        "title": lambda row: f"Produkt {row.index}"}, "title"),
    "/reporting/landing-pages": Override(2),
    "/reporting/surveys": Override(2),
    "/reporting/surveys/{survey_id}/questions": Override(3),
    "/reporting/surveys/{survey_id}/questions/{question_id}/answers": Override(3),
    "/reporting/surveys/{survey_id}/responses": Override(
        3, {"response_id": lambda row: hex_id(row.index, row.salt)}, "response_id"),
    "/reports/{campaign_id}/abuse-reports": Override(1),
    "/reports/{campaign_id}/advice": Override(2, {"message": lambda row: f"Conseil n° {row.index + 1}"}),
    "/reports/{campaign_id}/domain-performance": Override(
        3, {"domain": lambda row: f"d{row.index}.example.com"}, "domain"),
    "/reports/{campaign_id}/ecommerce-product-activity": Override(
        1, {"title": lambda row: f"Produkt {row.index}"}, "title"),
    "/reports/{campaign_id}/eepurl": Override(2),
    "/reports/{campaign_id}/locations": Override(4, {
        "country_code": _country, "region": lambda row: ("", "GA", "by", "idf")[row.index % 4],
        "region_name": _plain("Rest of Country")}),
    "/sms-campaigns": Override(2),
    "/template-folders": Override(2),
    "/templates": Override(lambda s: s.templates),
    "/verified-domains": Override(2, {"domain": lambda row: f"d{row.index}.example.org"}, "domain"),
}  # fmt: skip
