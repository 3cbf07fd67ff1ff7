"""A dry run knows the present status of everybody by as few calls as possible."""

from __future__ import annotations

import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.audience.statuses import CurrentStatuses
from destination_mailchimp.contacts.contact import Json
from unit_tests.builders import LIST, people


def audience(mock: requests_mock.Mocker, statuses: dict[str, str], *, total: int | None = None) -> None:
    """Contacts by their hashes; their listing may count more than it shows."""

    def page(request: requests_mock.request._RequestObjectProxy, _: object) -> Json:
        archived = request.qs.get("status") == ["archived"]
        rows = [{"id": i, "status": s} for i, s in statuses.items() if (s == "archived") == archived]
        return {"members": rows, "total_items": len(rows) if total is None or archived else total}

    mock.get(f"{LIST}/members", json=page)


class TestCurrentStatuses:
    """Looked up one by one, until a listing costs no more."""

    def test_many_are_listed_archived_ones_too(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        here, gone, stranger = (contact.hash for contact in people(3))
        audience(mock, {here: "subscribed", gone: "archived"})

        assert CurrentStatuses(calls).of([here, gone, stranger]) == {here: "subscribed", gone: "archived"}
        assert all("/members/" not in request.path for request in mock.request_history)

    def test_a_few_of_a_large_audience_are_looked_up(self, calls: Calls, mock: requests_mock.Mocker) -> None:
        here, stranger = (contact.hash for contact in people(2))
        audience(mock, {}, total=5000)
        mock.get(f"{LIST}/members/{here}", json={"status": "cleaned", "last_changed": ""})
        missing = {"type": "x", "title": "Resource Not Found", "status": 404}
        mock.get(f"{LIST}/members/{stranger}", status_code=404, json=missing)

        assert CurrentStatuses(calls).of([here, stranger]) == {here: "cleaned"}
