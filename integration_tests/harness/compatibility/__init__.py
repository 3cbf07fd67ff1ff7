"""What users have saved, and which changes of a connector would break it.

A configuration is saved against the ``spec``, a connection against the catalog, and both outlive the image they were
made with. The golden files in ``integration_tests/repository/golden`` are both
as they were last agreed on; ``make golden`` agrees anew.
"""

from __future__ import annotations

from integration_tests.harness.compatibility.catalogs import catalog_breaks, catalog_summary
from integration_tests.harness.compatibility.golden import Golden, breaks, current, may_break
from integration_tests.harness.compatibility.records import expected_records
from integration_tests.harness.compatibility.specs import spec_breaks

__all__ = [
    "Golden",
    "breaks",
    "catalog_breaks",
    "catalog_summary",
    "current",
    "expected_records",
    "may_break",
    "spec_breaks",
]
