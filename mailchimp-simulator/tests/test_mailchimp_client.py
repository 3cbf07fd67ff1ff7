"""Mailchimp's own Python client reads from the simulator and writes to it."""

from __future__ import annotations

import hashlib
from typing import Any

import mailchimp_marketing
import pytest
from mailchimp_marketing.api_client import ApiClientError

from mailchimp_simulator.client import Simulator


@pytest.fixture
def client(simulator: Simulator) -> Any:
    made = mailchimp_marketing.Client({"api_key": simulator.api_key, "server": "us10"})
    made.api_client.host = simulator.api_url
    return made


def test_mailchimps_client_reads(client: Any, simulator: Simulator) -> None:
    """As many rows as the account holds, of each kind that it asks for."""

    def held(path: str, parent: str | None = None) -> int:
        return int(simulator.control.ground_truth(path, parents=[parent] if parent else None)["count"])

    list_id = client.lists.get_all_lists(count=100)["lists"][0]["id"]
    members = client.lists.get_list_members_info(list_id, count=1000)
    report = client.reports.get_all_campaign_reports()["reports"][0]["id"]
    campaigns = client.campaigns.list(count=1000)["campaigns"]
    store = client.ecommerce.stores()["stores"][0]["id"]
    read = {
        "members": len(members["members"]),
        "activity": len(client.reports.get_email_activity_for_campaign(report, count=1000)["emails"]),
        "campaigns": len(campaigns),
        "products": len(client.ecommerce.get_all_store_products(store, count=1000)["products"]),
        "automations": len(client.automations.list(count=1000)["automations"]),
        "templates": len(client.templates.list(count=1000)["templates"]),
    }

    assert client.ping.get() == {"health_status": "Everything's Chimpy!"}
    assert client.root.get_root()["account_name"] == "Example Ltd"
    assert "<html" in client.campaigns.get_content(campaigns[0]["id"])["html"]
    assert members["total_items"] == read["members"]
    archived = client.lists.get_list_members_info(list_id, status="archived", count=1000)["total_items"]
    assert read == {
        "members": held("/lists/{list_id}/members", list_id) - archived,
        "activity": held("/reports/{campaign_id}/email-activity", report),
        "campaigns": held("/campaigns"),
        "products": held("/ecommerce/stores/{store_id}/products", store),
        "automations": held("/automations"),
        "templates": held("/templates"),
    }
    assert min(read.values()) > 0


def test_mailchimps_client_writes(client: Any, simulator: Simulator) -> None:
    list_id = client.lists.get_all_lists()["lists"][0]["id"]
    digest = hashlib.md5(b"client@example.com", usedforsecurity=False).hexdigest()

    batch = client.lists.batch_list_members(
        list_id,
        {"members": [{"email_address": "Client@example.com", "status": "subscribed"}], "update_existing": False},
    )
    assert batch["total_created"] == 1
    client.lists.set_list_member(
        list_id,
        digest,
        {"email_address": "client@example.com", "status_if_new": "pending", "merge_fields": {"FNAME": "Zoë"}},
    )
    client.lists.update_list_member_tags(list_id, digest, {"tags": [{"name": "Via client", "status": "active"}]})
    segment = client.lists.create_segment(list_id, {"name": "Bulk", "static_segment": []})
    client.lists.batch_segment_members({"members_to_add": ["client@example.com"]}, list_id, segment["id"])
    member = client.lists.get_list_member(list_id, digest)
    assert (member["status"], member["merge_fields"]["FNAME"]) == ("subscribed", "Zoë")
    assert {"Via client", "Bulk"} <= {tag["name"] for tag in member["tags"]}
    client.lists.add_list_merge_field(list_id, {"name": "Team", "type": "text", "tag": "TEAM"})
    client.lists.create_list_member_note(list_id, digest, {"note": "Grüße"})
    assert "Grüße" in [note["note"] for note in client.lists.get_list_member_notes(list_id, digest)["notes"]]
    client.lists.create_list_member_event(list_id, digest, {"name": "signed_in"})
    assert "signed_in" in [event["name"] for event in client.lists.get_list_member_events(list_id, digest)["events"]]
    client.lists.delete_list_member(list_id, digest)
    assert simulator.control.contact(list_id, digest)["status"] == "archived"


def test_mailchimps_client_understands_refusals(client: Any) -> None:
    list_id = client.lists.get_all_lists()["lists"][0]["id"]

    with pytest.raises(ApiClientError) as error:
        client.lists.add_list_member(list_id, {"email_address": "fake@example.com", "status": "subscribed"})

    assert error.value.status_code == 400
    assert "looks fake or invalid" in error.value.text
