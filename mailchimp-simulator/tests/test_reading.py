"""Reading: pages, windows, order, fields, and the API's known oddities."""

from __future__ import annotations

from typing import Any

import pytest

from mailchimp_simulator.client import Simulator
from mailchimp_simulator.contract.operations import Contract
from tests.api import Api

MEMBERS = "/lists/{list_id}/members"
CONTRACT = Contract()
COLLECTIONS = sorted(o.path for o in CONTRACT.operations.values() if o.method == "GET" and o.collection)
# Their listings show some of their rows only: other tests look at these.
WITH_FLAGS = (MEMBERS, "/lists/{list_id}/segments/{segment_id}/members")


def everything(api: Api, path: str, key: str, size: int = 1000, **query: Any) -> list[dict[str, Any]]:
    """All rows of a collection, page by page until one is short."""
    rows: list[dict[str, Any]] = []
    while True:
        page = api.get(path, count=size, offset=len(rows), **query)[key]
        rows += page
        if len(page) < size:
            return rows


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_a_collection_has_exactly_the_rows_that_were_asked_for(api: Api, simulator: Simulator, count: int) -> None:
    simulator.control.rows({"/templates": count, MEMBERS: count})
    list_id = api.lists()[0]

    templates = everything(api, "/templates", "templates")
    members = everything(api, f"/lists/{list_id}/members", "members", sort_field="last_changed")

    assert len({row["id"] for row in templates}) == len(templates) == count
    assert len({row["id"] for row in members}) == len(members) == count
    assert api.get("/templates", count=0)["total_items"] == count
    assert api.get(f"/lists/{list_id}/members", status="archived")["total_items"] == 0


@pytest.mark.parametrize("template", COLLECTIONS)
def test_every_collection_can_be_given_a_number_of_rows(api: Api, simulator: Simulator, template: str) -> None:
    simulator.control.rows({template: 27})

    truth = simulator.control.ground_truth(template, "keys")

    assert truth["by_parent"]
    assert set(truth["by_parent"].values()) == {27}
    # Of sign-up forms an audience has one, and its id is their key.
    if truth["key"] and not template.endswith("/signup-forms"):
        assert len({tuple(map(str, key)) for key in truth["keys"]}) == len(truth["keys"])


def test_the_count_is_ten_by_default_and_a_thousand_at_most(api: Api, simulator: Simulator) -> None:
    simulator.control.rows({"/templates": 1500})

    assert len(api.get("/templates")["templates"]) == 10
    assert len(api.get("/templates", count=5000)["templates"]) == 1000
    assert api.get("/templates", count=0)["templates"] == []
    past = api.get("/templates", offset=9000)
    assert (past["templates"], past["total_items"]) == ([], 1500)


def test_a_window_excludes_since_and_includes_before(api: Api, list_id: str) -> None:
    path = f"/lists/{list_id}/members"
    rows = everything(api, path, "members", sort_field="last_changed", sort_dir="ASC")
    since, before = rows[20]["last_changed"], rows[60]["last_changed"]

    window = everything(api, path, "members", since_last_changed=since, before_last_changed=before,
                        sort_field="last_changed", sort_dir="ASC")  # fmt: skip

    assert [row["id"] for row in window] == [row["id"] for row in rows if since < row["last_changed"] <= before]
    total = api.get(path, count=0, since_last_changed=since, before_last_changed=before)["total_items"]
    assert total == len(window)


def test_contacts_are_sorted_both_ways(api: Api, list_id: str) -> None:
    path = f"/lists/{list_id}/members"

    up = [r["last_changed"] for r in everything(api, path, "members", sort_field="last_changed", sort_dir="ASC")]
    down = [r["last_changed"] for r in everything(api, path, "members", sort_field="last_changed", sort_dir="DESC")]

    assert up == sorted(up) == down[::-1]


def test_campaigns_are_filtered_by_time_and_sorted(api: Api) -> None:
    rows = everything(api, "/campaigns", "campaigns", sort_field="create_time", sort_dir="DESC")
    middle = rows[8]["create_time"]

    assert [r["create_time"] for r in rows] == sorted((r["create_time"] for r in rows), reverse=True)
    late = everything(api, "/campaigns", "campaigns", since_create_time=middle)
    assert {r["id"] for r in late} == {r["id"] for r in rows if r["create_time"] > middle}
    early = everything(api, "/campaigns", "campaigns", before_create_time=middle)
    assert {r["id"] for r in early} == {r["id"] for r in rows if r["create_time"] <= middle}


@pytest.mark.parametrize("offset", ["-02:00", "+05:30", "Z"])
def test_a_window_takes_the_time_of_day_without_its_offset(api: Api, list_id: str, offset: str) -> None:
    """As reported of the real API, which documents otherwise (mailchimp-client-lib-codegen#241)."""
    path = f"/lists/{list_id}/members"
    rows = everything(api, path, "members", sort_field="last_changed", sort_dir="ASC")
    since = rows[20]["last_changed"]

    window = everything(api, path, "members", since_last_changed=since.replace("+00:00", offset))

    assert {row["id"] for row in window} == {row["id"] for row in rows if row["last_changed"] > since}


@pytest.mark.parametrize("value", ["", "yesterday", "2024-13-45T00:00:00Z"])
def test_an_empty_or_malformed_date_is_refused(api: Api, list_id: str, value: str) -> None:
    problem = api.problem("GET", f"/lists/{list_id}/members", params={"since_last_changed": value})

    assert (problem["status"], problem["errors"][0]["field"]) == (400, "since_last_changed")


@pytest.mark.parametrize(
    "query", [{"count": "many"}, {"offset": "-1"}, {"status": "asleep"}, {"sort_field": "name"}, {"vip_only": "maybe"}]
)
def test_a_parameter_of_the_wrong_kind_is_refused(api: Api, list_id: str, query: dict[str, str]) -> None:
    problem = api.problem("GET", f"/lists/{list_id}/members", params=query)

    assert [error["field"] for error in problem["errors"]] == list(query)


def test_fields_are_chosen_or_left_out_and_unknown_ones_ignored(api: Api, list_id: str) -> None:
    path = f"/lists/{list_id}/members"

    assert set(api.get(path, fields="members.id,members.stats.avg_open_rate,total_items,nonsense")) == {
        "members",
        "total_items",
    }
    assert set(api.get(path, fields="members.id,nonsense.x")["members"][0]) == {"id"}
    without = api.get(path, exclude_fields="members._links,_links,nonsense")
    whole = api.get(path)
    assert "_links" not in without
    assert "_links" in whole
    assert [{k: v for k, v in row.items() if k != "_links"} for row in whole["members"]] == without["members"]
    assert "stats" not in api.get(path, exclude_fields="members.stats")["members"][0]
    assert api.problem("GET", path, params={"fields": "members", "exclude_fields": "_links"})["status"] == 400


def test_the_plain_listing_hides_archived_contacts(api: Api, simulator: Simulator, list_id: str) -> None:
    path = f"/lists/{list_id}/members"
    truth = simulator.control.ground_truth(MEMBERS, "keys", [list_id])

    plain = everything(api, path, "members")
    archived = everything(api, path, "members", status="archived", sort_field="last_changed")

    assert {r["status"] for r in plain} == {"subscribed", "unsubscribed", "cleaned", "pending", "transactional"}
    assert {r["status"] for r in archived} == {"archived"}
    seen = sorted([r["list_id"], r["id"], r["status"], r["last_changed"]] for r in plain + archived)
    assert seen == sorted(truth["keys"])


def test_the_account_is_awkward(api: Api, list_id: str) -> None:
    rows = everything(api, f"/lists/{list_id}/members", "members")

    seconds = [row["last_changed"] for row in rows]
    assert max(seconds.count(second) for second in set(seconds)) > 50, "no import of one second"
    assert any(row["timestamp_opt"] == "" for row in rows)
    assert any(row["merge_fields"] is None for row in rows)
    assert any(row["interests"] is None for row in rows)
    addresses = [row["merge_fields"]["ADDRESS"] for row in rows if row["merge_fields"]]
    assert {type(address) for address in addresses} == {str, dict}
    assert any(row["email_address"] == row["email_address"].upper() for row in rows)
    assert any(not row["full_name"].isascii() for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)


def test_segment_members_need_flags_and_the_total_does_not_count_them(api: Api, list_id: str) -> None:
    flags = {"include_unsubscribed": "true", "include_cleaned": "true", "include_transactional": "true"}
    segment = api.get(f"/lists/{list_id}/segments")["segments"][0]
    path = f"/lists/{list_id}/segments/{segment['id']}/members"

    plain = api.get(path, count=1000)
    whole = api.get(path, count=1000, **flags)

    assert {row["status"] for row in plain["members"]} <= {"subscribed", "pending"}
    assert len(whole["members"]) > len(plain["members"]) == plain["total_items"] == whole["total_items"]
    assert all("segment_id" not in row for row in whole["members"])


def test_segments_are_tags_and_saved_ones_and_an_unknown_type_is_empty(api: Api, list_id: str) -> None:
    path = f"/lists/{list_id}/segments"

    kinds = {row["type"] for row in api.get(path, count=1000)["segments"]}
    assert kinds == {"static", "saved"}
    assert {row["type"] for row in api.get(path, type="saved")["segments"]} == {"saved"}
    assert api.get(path, type="nonsense")["segments"] == []


def test_tag_search_lists_all_tags_or_those_with_a_prefix(api: Api, list_id: str) -> None:
    path = f"/lists/{list_id}/tag-search"

    names = [row["name"] for row in api.get(path)["tags"]]
    assert len(names) == 3
    assert [row["name"] for row in api.get(path, name="INFL")["tags"]] == ["Influencer"]
    assert len(api.get(path, count=1, offset=1)["tags"]) == 1


def test_lists_tell_their_total_when_asked(api: Api, simulator: Simulator, list_id: str) -> None:
    total = simulator.control.ground_truth(MEMBERS, "count", [list_id])["count"]

    assert "total_contacts" not in api.get(f"/lists/{list_id}")["stats"]
    for row in (
        api.get(f"/lists/{list_id}", include_total_contacts="true"),
        api.get("/lists", include_total_contacts="true")["lists"][0],
    ):
        assert row["stats"]["total_contacts"] == total


def test_interests_are_counted_in_text(api: Api, list_id: str) -> None:
    category = api.get(f"/lists/{list_id}/interest-categories")["categories"][0]["id"]
    rows = api.get(f"/lists/{list_id}/interest-categories/{category}/interests")["interests"]

    assert all(isinstance(row["subscriber_count"], str) for row in rows)


def test_reports_are_of_sent_campaigns_and_tell_the_newest_event(api: Api) -> None:
    campaigns = everything(api, "/campaigns", "campaigns")
    reports = everything(api, "/reports", "reports")

    assert {r["id"] for r in reports} == {c["id"] for c in campaigns if c["status"] == "sent"}
    assert any(c["status"] == "save" and c["send_time"] == "" for c in campaigns)
    assert any(r["opens"]["open_rate"] > 1 for r in reports)
    assert any(r["opens"]["last_open"] == "" for r in reports)
    for report in reports:
        versions = api.get(f"/reports/{report['id']}/sub-reports")["reports"]
        listed = [everything(api, f"/reports/{one['id']}/email-activity", "emails") for one in [report, *versions]]
        emails = [row for rows in listed for row in rows]
        events = [event for row in emails for event in row["activity"]]
        for action, newest in (("open", report["opens"]["last_open"]), ("click", report["clicks"]["last_click"])):
            assert max((e["timestamp"] for e in events if e["action"] == action), default="") == newest


@pytest.mark.parametrize("reading", ["summed", "own"])
def test_the_report_of_a_variate_campaign_counts_what_its_versions_do_or_its_own(
    api: Api, simulator: Simulator, reading: str
) -> None:
    simulator.control.facts(split_totals=reading)
    report = next(r for r in everything(api, "/reports", "reports") if r["type"] == "variate")
    versions = api.get(f"/reports/{report['id']}/sub-reports")["reports"]
    opens = sum(version["opens"]["opens_total"] for version in versions)

    opened = everything(api, f"/reports/{report['id']}/open-details", "members")

    assert report["emails_sent"] == sum(version["emails_sent"] for version in versions)
    assert (report["opens"]["opens_total"] == opens > 0) == (reading == "summed")
    assert bool(opened) == (reading == "own")

    simulator.control.add_events([report["id"]], opens=1)

    after = next(r for r in everything(api, "/reports", "reports") if r["id"] == report["id"])
    assert after["opens"]["opens_total"] == report["opens"]["opens_total"] + 1


def test_email_activity_keeps_every_recipient_and_since_trims_the_events(api: Api) -> None:
    report = next(r for r in api.get("/reports", count=1000)["reports"] if r["clicks"]["clicks_total"])
    path = f"/reports/{report['id']}/email-activity"
    whole = everything(api, path, "emails")
    moments = sorted(e["timestamp"] for row in whole for e in row["activity"])
    since = moments[len(moments) // 2]

    trimmed = api.get(path, count=1000, since=since)

    assert len(trimmed["emails"]) == len(whole) == trimmed["total_items"] == report["emails_sent"]
    kept = sorted(e["timestamp"] for row in trimmed["emails"] for e in row["activity"])
    assert kept == [moment for moment in moments if moment > since]


def test_two_clicks_of_one_second_on_two_addresses_and_bounces_happen(api: Api) -> None:
    rows = [row for r in api.get("/reports", count=1000)["reports"]
            for row in api.get(f"/reports/{r['id']}/email-activity", count=1000)["emails"]]  # fmt: skip
    events = [event for row in rows for event in row["activity"]]

    assert {e["action"] for e in events} == {"open", "click", "bounce"}
    assert all(set(e) == {"action", "type", "timestamp"} for e in events if e["action"] == "bounce")

    def twins(row: dict[str, Any]) -> bool:
        clicks = [e for e in row["activity"] if e["action"] == "click"]
        return len({e["timestamp"] for e in clicks}) < len({(e["timestamp"], e["url"]) for e in clicks})

    assert any(map(twins, rows))


def test_an_unsent_campaign_has_no_activity(api: Api) -> None:
    draft = next(c for c in api.get("/campaigns", count=1000)["campaigns"] if c["status"] == "save")

    for name, key in (("email-activity", "emails"), ("sent-to", "sent_to"), ("locations", "locations")):
        body = api.get(f"/reports/{draft['id']}/{name}")
        assert (body[key], body["total_items"]) == ([], 0)


def test_children_of_variate_campaigns_and_automation_emails_have_reports(api: Api) -> None:
    campaigns = api.get("/campaigns", count=1000)["campaigns"]
    variate = next(c for c in campaigns if c["type"] == "variate" and c["status"] == "sent")
    children = api.get(f"/reports/{variate['id']}/sub-reports")["reports"]
    assert len(children) == 2
    assert {c["id"] for c in children}.isdisjoint(c["id"] for c in campaigns)
    assert api.get(f"/reports/{children[0]['id']}/email-activity")["emails"]

    workflow = api.get("/automations")["automations"][0]["id"]
    emails = {e["id"] for e in api.get(f"/automations/{workflow}/emails")["emails"]}
    assert emails
    assert emails <= {c["id"] for c in campaigns if c["type"] == "automation-email"}
    assert emails <= {r["id"] for r in api.get("/reports", count=1000)["reports"]}


def test_newer_contacts_page_by_cursor_without_a_total(api: Api, simulator: Simulator, list_id: str) -> None:
    path = f"/audiences/{list_id}/contacts"
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(path, count=70, **({"cursor": cursor} if cursor else {}))
        assert "total_items" not in page
        seen += [row["id"] for row in page["contacts"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert len(set(seen)) == len(seen) == simulator.control.ground_truth(MEMBERS, "count", [list_id])["count"]


def test_landing_pages_know_no_offset(api: Api, simulator: Simulator) -> None:
    simulator.control.rows({"/landing-pages": 30})

    first = api.get("/landing-pages", count=20, offset=20)["landing_pages"]

    assert [r["id"] for r in first] == [r["id"] for r in api.get("/landing-pages", count=20)["landing_pages"]]


@pytest.mark.parametrize("template", COLLECTIONS)
def test_a_collection_gives_the_rows_that_the_truth_tells_each_with_a_key_of_its_own(
    api: Api, simulator: Simulator, template: str
) -> None:
    counts = simulator.control.ground_truth(template, "count")
    keys = simulator.control.ground_truth(template, "keys")
    if counts["key"]:
        assert len({tuple(map(str, key)) for key in keys["keys"]}) == counts["count"] == len(keys["keys"])
    items = CONTRACT.operations["GET", template].items_key or template.rpartition("/")[2]
    totals = CONTRACT.operations["GET", template].raw["has_total_items"]
    for parents, count in list(counts["by_parent"].items())[:40]:
        path = template
        for value in filter(None, parents.split("/")):
            path = path.replace(path[path.index("{") : path.index("}") + 1], value, 1)
        if template in WITH_FLAGS:
            continue
        body = api.get(path, count=1000, **({"query": "campaign"} if "search" in path else {}))
        assert len(body[items]) == count
        assert body.get("total_items", count) == count
        assert ("total_items" in body) is totals or template == "/lists/{list_id}/surveys"


def test_the_same_seed_gives_the_same_account(api: Api, simulator: Simulator) -> None:
    before = simulator.control.ground_truth(MEMBERS, "digest")["digest"]
    simulator.control.change("update", count=3)
    assert simulator.control.ground_truth(MEMBERS, "digest")["digest"] != before

    simulator.control.reset()

    assert simulator.control.ground_truth(MEMBERS, "digest")["digest"] == before


@pytest.mark.parametrize("rows", [None, 0, 3])
def test_a_contact_names_its_last_note_and_counts_its_tags(
    api: Api, simulator: Simulator, list_id: str, rows: int | None
) -> None:
    """What the row says agrees with the contact's own listings of notes and tags."""
    if rows is not None:
        simulator.control.rows({f"{MEMBERS}/{{subscriber_hash}}/{what}": rows for what in ("notes", "tags")})
    contacts = everything(api, f"/lists/{list_id}/members", "members")[:40]
    by_api = api.call("POST", f"/lists/{list_id}/members/{contacts[1]['id']}/notes", json={"note": "Called back"})
    contacts[1] = api.get(f"/lists/{list_id}/members/{contacts[1]['id']}")
    counts = set()

    for contact in contacts:
        path = f"/lists/{list_id}/members/{contact['id']}"
        notes = api.get(f"{path}/notes", count=1000)["notes"]
        tags = api.get(f"{path}/tags", count=1000)["tags"]
        last = max(notes, key=lambda note: note["created_at"], default=None)
        assert contact.get("last_note", {}).get("note_id") == (last and last["id"])
        assert contact.get("last_note", {}).get("note") == (last and last["note"])
        assert contact["tags_count"] == len(contact["tags"]) == len(tags)
        counts.add(len(notes))

    assert by_api.json()["id"] == contacts[1]["last_note"]["note_id"]
    assert counts == ({0, 1, 2} if rows is None else {rows, rows + 1})


@pytest.mark.parametrize("path,key", [("/lists", "lists"), ("/campaigns", "campaigns"), ("/reports", "reports")])
def test_a_row_has_links_unless_they_are_excluded(api: Api, path: str, key: str) -> None:
    """Other clients take them for granted, and ours leaves them out to save bytes."""
    assert all("_links" in row for row in api.get(path)[key])
    assert all("_links" in row for row in api.get(path, fields=f"{key}.id,{key}._links")[key])
    assert not any("_links" in row for row in api.get(path, exclude_fields=f"{key}._links")[key])


@pytest.mark.parametrize(
    "path,everywhere,rows",
    [("emails", False, 10), ("removed-subscribers", False, 12), ("removed-subscribers", True, 10)],
)
def test_listings_without_documented_paging_show_ten_rows_where_they_are_paged(
    api: Api,
    simulator: Simulator,
    path: str,
    everywhere: bool,  # noqa: FBT001
    rows: int,
) -> None:
    simulator.control.rows({f"/automations/{{workflow_id}}/{path}": 12})
    simulator.control.facts(paging_everywhere=everywhere)
    url = f"/automations/{api.get('/automations')['automations'][0]['id']}/{path}"
    key = "emails" if path == "emails" else "subscribers"

    answer = api.get(url)

    assert (len(answer[key]), answer["total_items"]) == (rows, 12)
    assert len(api.get(url, count=1000)[key]) == 12
    assert len(api.get(url, offset=10)[key]) == (12 if rows == 12 else 2)
