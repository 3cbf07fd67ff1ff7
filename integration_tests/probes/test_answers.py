"""Probes of what the simulator plays in one way only: given other answers, they find the other readings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, cast

import pytest

from mailchimp_api.client import MailchimpClient
from probes import contact_fields, listings, paging
from probes.findings import Account, Finding, Unsettled
from probes.settings import Settings

Json = dict[str, Any]


class Canned:
    """Stands in for a client where the simulator knows one reading only: answers as a function says."""

    def __init__(self, answer: Callable[[str, Json], list[Json]]) -> None:
        self._answer = answer

    def get(self, path: str, params: Json | None = None, *, items: str = "") -> Json:
        """The rows that the function gives for this request."""
        return {items: self._answer(path, dict(params or {}))}


def canned(answer: Callable[[str, Json], list[Json]]) -> Account:
    """An account where nothing may be written, and whose answers are those of a function."""
    return Account(cast("MailchimpClient", Canned(answer)), Settings("key-us10"))


class TestOtherReadings:
    """What only a real account may show would be noticed."""

    @pytest.mark.parametrize("listed,reading", [(["a", "b"], "true"), (["a"], "some"), ([], "false")])
    def test_children_of_variate_campaigns_among_the_reports(self, listed: list[str], reading: str) -> None:
        def answer(path: str, _params: Json) -> list[Json]:
            ids = {"campaigns": ["v"], "reports/v/sub-reports": ["a", "b"], "reports": ["v", *listed]}[path]
            return [{"id": each} for each in ids]

        assert listings.reports_list_variate_children(canned(answer)).reading == reading

    def test_an_account_without_variate_campaigns_settles_nothing_about_them(self) -> None:
        with pytest.raises(Unsettled, match="no sent variate campaign"):
            listings.reports_list_variate_children(canned(lambda _path, _params: []))

    @pytest.mark.parametrize("inclusive,reading", [(True, "false"), (False, "true")])
    def test_an_inclusive_bound_of_contacts(self, inclusive: bool, reading: str) -> None:  # noqa: FBT001
        moment = "2026-01-01T00:00:01+00:00"

        def answer(path: str, params: Json) -> list[Json]:
            if path == "audiences":
                return [{"id": "a"}]
            since = params.get("updated_since", "")
            return [{"id": "c", "last_updated_at": moment}] if since < moment or inclusive else []

        assert listings.audience_contacts_since_exclusive(canned(answer)).reading == reading

    def test_an_endpoint_that_takes_count_after_all(self) -> None:
        """Also one that shows ten rows unless it is asked for more: then the source would lose rows."""

        def answer(path: str, params: Json) -> list[Json]:
            if path == "lists":
                return [{"id": "a"}]
            rows = {"lists/a/clients": 3, "lists/a/webhooks": 12}.get(path, 0)
            first = params.get("offset", 0)
            return [{"id": number} for number in range(rows)][first : first + params.get("count", 10)]

        found = paging.paging_everywhere(canned(answer))

        assert found.reading == "true"
        assert "count and offset: list_clients" in found.remark
        assert "CUT at 10 rows without count: list_webhooks" in found.remark

    def test_an_offset_of_landing_pages(self) -> None:
        def answer(_path: str, params: Json) -> list[Json]:
            return [{"id": number} for number in range(params.get("offset", 0), 3)][: params["count"]]

        assert paging.landing_pages_take_offset(canned(answer)) == Finding("true")

    def test_notes_that_no_row_tells_of(self) -> None:
        numbers = count()

        def answer(path: str, _params: Json) -> list[Json]:
            if path.endswith("/members"):
                return [{"id": "a", "last_note": {"note_id": 1}}, {"id": "b"}]
            return [{"id": next(numbers)}]

        found = contact_fields.last_note_tells_of_notes(canned(answer))

        assert found.reading == "false"
        assert "1 contacts have notes untold" in found.remark
