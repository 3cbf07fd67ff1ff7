"""Facebook ads: what they are made of, and how they did."""

from __future__ import annotations

from source_mailchimp.stream import Stream

FAMILY = "Ads"

FACEBOOK_ADS = Stream("facebook_ads", "facebook-ads", items="facebook_ads", key=("id",), family=FAMILY)

FACEBOOK_AD_REPORTS = Stream(
    "facebook_ad_reports", "reporting/facebook-ads", items="facebook_ads", key=("id",), family=FAMILY
)

# As with campaigns, only the stock-keeping unit tells two products of the same title apart.
FACEBOOK_AD_PRODUCT_ACTIVITY = Stream(
    "facebook_ad_product_activity",
    "reporting/facebook-ads/{outreach_id}/ecommerce-product-activity",
    items="products",
    key=("product_activity_id",),
    hash_key=("outreach_id", "title", "sku", "currency_code"),
    adds={"product_activity_id": "string"},
    parent=FACEBOOK_AD_REPORTS,
    family=FAMILY,
)

TABLE = (FACEBOOK_ADS, FACEBOOK_AD_REPORTS, FACEBOOK_AD_PRODUCT_ACTIVITY)
