"""The version of the package that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("airbyte-connectors-mailchimp-source")
except PackageNotFoundError:  # run from a checkout that is on the path, but not installed
    VERSION = "unknown"
