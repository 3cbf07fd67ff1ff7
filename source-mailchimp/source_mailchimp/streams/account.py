"""The account itself and what is connected to it."""

from __future__ import annotations

from source_mailchimp.stream import Paging, Stream

FAMILY = "Account"

ACCOUNT = Stream("account", "", items=None, key=("account_id",), paging=Paging.OBJECT, family=FAMILY)

ACCOUNT_EXPORTS = Stream("account_exports", "account-exports", items="exports", key=("export_id",), family=FAMILY)

AUTHORIZED_APPS = Stream("authorized_apps", "authorized-apps", items="apps", key=("id",), family=FAMILY)

CONNECTED_SITES = Stream("connected_sites", "connected-sites", items="sites", key=("foreign_id",), family=FAMILY)

VERIFIED_DOMAINS = Stream(
    "verified_domains", "verified-domains", items="domains", key=("domain",), paging=Paging.NONE, family=FAMILY
)

BATCHES = Stream("batches", "batches", items="batches", key=("id",), family=FAMILY)

BATCH_WEBHOOKS = Stream("batch_webhooks", "batch-webhooks", items="webhooks", key=("id",), family=FAMILY)

# The feed's entries have no id. Two that agree in all of these say the same.
CHIMP_CHATTER = Stream(
    "chimp_chatter",
    "activity-feed/chimp-chatter",
    items="chimp_chatter",
    key=("chatter_id",),
    hash_key=("type", "update_time", "title", "message", "url", "list_id", "campaign_id"),
    adds={"chatter_id": "string"},
    family=FAMILY,
)

TABLE = (
    ACCOUNT,
    ACCOUNT_EXPORTS,
    AUTHORIZED_APPS,
    CONNECTED_SITES,
    VERIFIED_DOMAINS,
    BATCHES,
    BATCH_WEBHOOKS,
    CHIMP_CHATTER,
)
