"""The version of the package that is installed."""

from __future__ import annotations

from importlib.metadata import version

VERSION = version("destination-mailchimp")
