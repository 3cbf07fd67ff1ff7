"""Specs: which differences break a saved configuration."""

from __future__ import annotations

from typing import Any

from airbyte_cdk.test.standard_tests._spec_compatibility import compare_specs

Json = dict[str, Any]


def spec_breaks(before: Json, now: Json) -> list[str]:
    """What a configuration that was saved under ``before`` could stumble over, by the rules of Airbyte's own check.

    An option that is gone, renamed, newly required or narrower breaks; a new optional one and other texts don't.
    """
    return list(compare_specs(before, now).breaking)
