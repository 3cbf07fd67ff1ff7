"""Which column holds the address, the status, and the mark of deleted records."""

from __future__ import annotations

import pytest

from destination_mailchimp.mapping.roles import NamedColumn, Roles
from unit_tests.builders import config_of


@pytest.mark.parametrize(
    "wanted,columns,name",
    [
        ("status", ["Status"], "Status"),
        ("opt in", ["id", "opt_in"], "opt_in"),
        ("status", ["Status", "status"], "status"),
        ("status", ["id"], None),
        (None, ["status"], None),
    ],
)
def test_the_column_that_an_option_names(wanted: str | None, columns: list[str], name: str | None) -> None:
    column = NamedColumn(wanted)
    column.learn(columns)

    assert column.name == name


def test_the_address_is_found_by_its_name_when_a_record_first_has_it() -> None:
    roles = Roles(config_of())
    roles.learn(["id"])
    assert "E-Mail" not in roles
    roles.learn(["E-Mail", "status"])

    assert (roles.email, roles.status, roles.deleted) == ("E-Mail", None, None)
    assert "E-Mail" in roles
    assert "status" not in roles
