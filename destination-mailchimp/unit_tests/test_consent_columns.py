"""Columns that hold consent are recognised by their names, and others are not taken for such."""

from __future__ import annotations

import pytest

from destination_mailchimp.mapping.consent_columns import looks_like_consent


@pytest.mark.parametrize(
    "column",
    ["Unsubscribed", "unsubscribed_at", "Opt-in", "OPTIN_TIME", "email_opt_out", "Opted In", "Status", "status",
     "Email Status", "member_status", "nomail", "subscription_status", "Subscribed", "is_subscribed", "Do not email",
     "DoNotContact", "dont_mail", "NoBulkEmail", "DoNotBulkEMail", "HasOptedOutOfEmail", "hs_email_optout",
     "accepts_marketing", "buyer_accepts_marketing", "email_marketing_consent",
     "GDPR consent", "Newsletter", "wants_newsletter",
     "marketing_permission", "suppressed", "blacklisted", "bounced", "emailable", "CONSENT"],
)  # fmt: skip
def test_a_column_that_tells_who_may_be_written_to_is_recognised(column: str) -> None:
    assert looks_like_consent(column)


@pytest.mark.parametrize(
    "column",
    ["email", "first_name", "order_status", "payment_status", "subscription_plan", "subscription_id", "state",
     "marital_status", "optional_notes", "option", "newsletter_clicks", "statuses", "contact_id", "notes",
     "mailing_address", "casino_email", "http_status", "company", "optimizer"],
)  # fmt: skip
def test_a_column_about_something_else_is_not(column: str) -> None:
    assert not looks_like_consent(column)
