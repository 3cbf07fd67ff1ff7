"""Airbyte source for the Mailchimp Marketing API."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("source-mailchimp")
