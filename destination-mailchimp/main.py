"""Runs the connector from a checkout, where Airbyte's tools expect it."""

from __future__ import annotations

from destination_mailchimp.run import main

if __name__ == "__main__":
    main()
