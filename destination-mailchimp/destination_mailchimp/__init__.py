"""Airbyte destination that keeps Mailchimp contacts up to date."""
