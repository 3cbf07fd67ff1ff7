"""Runs the connector: ``python main.py spec`` and so on."""

from __future__ import annotations

from source_mailchimp.run import main

if __name__ == "__main__":
    main()
