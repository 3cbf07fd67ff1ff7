"""The check command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests_mock

from destination_mailchimp.checks import check
from destination_mailchimp.config import read_config
from mailchimp_api.errors import PermissionDenied
from unit_tests.builders import CONFIG, LIST, ROOT


class TestRoles:
    """The check proves that the key's user may write, as far as Mailchimp tells."""

    @pytest.fixture
    def checked(self, mock: requests_mock.Mocker) -> Callable[[Any], list[str]]:
        audience = {"id": "abc", "name": "News", "double_optin": False, "marketing_permissions": False}
        mock.get(LIST, json=audience)
        for name, items in (("merge-fields", "merge_fields"), ("interest-categories", "categories")):
            mock.get(f"{LIST}/{name}", json={items: [], "total_items": 0})

        def checked(role: Any) -> list[str]:
            mock.get(f"{ROOT}/", json={"account_id": "a", "role": role})
            return check(read_config({**CONFIG, "api_url": "http://127.0.0.1:9"}))

        return checked

    @pytest.mark.parametrize("role", ["viewer", "Author"])
    def test_one_that_may_only_look_is_named_with_the_remedy(
        self, checked: Callable[[Any], list[str]], role: str
    ) -> None:
        with pytest.raises(PermissionDenied, match=f"role {role.capitalize()}, .* at least the Manager role"):
            checked(role)

    @pytest.mark.parametrize("role", ["owner", "admin", "manager", "steward of all lists", "", None])
    def test_any_other_passes(self, checked: Callable[[Any], list[str]], role: str | None) -> None:
        assert checked(role) == []
