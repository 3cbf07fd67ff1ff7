"""Misbehaviour on demand looks to a client like the real thing."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from mailchimp_simulator.client import ControlError, Simulator, busy_window, mean_in_flight, wait_until
from tests.api import Api

MEMBERS = "/lists/{list_id}/members"


def under_way(simulator: Simulator) -> int:
    """How many requests the simulator has neither answered nor given up."""
    return int(simulator.control.stats()["in_flight"])


@pytest.mark.parametrize(
    "body, kind", [("problem", "application/problem+json"), ("html", "text/html"), ("none", "text/html")]
)
def test_a_status_comes_as_often_as_was_asked_for(api: Api, simulator: Simulator, body: str, kind: str) -> None:
    simulator.control.fault("status", "/templates", status=503, body=body, times=2, skip=1, retry_after=7)

    answers = [api.call("GET", "/templates") for _ in range(4)]

    assert [a.status_code for a in answers] == [200, 503, 503, 200]
    assert answers[1].headers["content-type"].startswith(kind)
    assert answers[1].headers["retry-after"] == "7"
    assert (answers[1].content == b"") is (body == "none")
    assert simulator.control.faults()[0] | {"seen": 4, "applied": 2} == simulator.control.faults()[0]


def test_a_rule_can_mean_one_page_only(api: Api, simulator: Simulator) -> None:
    simulator.control.fault("status", "/templates", status=504, body="html", query={"offset": 2})

    assert api.call("GET", "/templates", params={"offset": 2}).status_code == 504
    assert api.call("GET", "/templates", params={"offset": 20}).status_code == 200


def test_a_body_can_end_before_its_content_length(api: Api, simulator: Simulator) -> None:
    simulator.control.fault("truncate", "/templates", keep=0.5)

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.call("GET", "/templates")


def test_a_body_can_be_cut_though_its_length_is_right(api: Api, simulator: Simulator) -> None:
    simulator.control.fault("truncate", "/templates", keep=0.5, content_length="wrong")

    answer = api.call("GET", "/templates")

    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_200_can_hold_html_or_json_without_items(api: Api, simulator: Simulator) -> None:
    simulator.control.fault("not_json", "/templates", times=1)
    simulator.control.fault("missing_items", "/templates", times=1)

    assert api.call("GET", "/templates").text.startswith("<!DOCTYPE html>")
    assert "templates" not in api.get("/templates")
    assert "templates" in api.get("/templates")


@pytest.mark.parametrize("kind", ["reset", "reset_midway"])
def test_a_connection_can_be_reset(api: Api, simulator: Simulator, kind: str) -> None:
    simulator.control.fault(kind, "/templates", times=1)

    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.call("GET", "/templates")
    assert api.call("GET", "/templates").status_code == 200
    assert simulator.control.stats()["by_status"] == {"0": 1, "200": 1}


def test_an_answer_can_be_lost_after_the_write_took_effect(api: Api, simulator: Simulator, list_id: str) -> None:
    simulator.control.fault("lose_answer", MEMBERS, method="POST", times=1)
    before = simulator.control.ground_truth(MEMBERS)["count"]

    with pytest.raises(requests.exceptions.ConnectionError):
        api.call("POST", f"/lists/{list_id}/members", json={"email_address": "a@example.com", "status": "subscribed"})

    assert simulator.control.ground_truth(MEMBERS)["count"] == before + 1


def test_a_request_that_hangs_goes_on_counting_after_its_client_has_gone(api: Api, simulator: Simulator) -> None:
    simulator.control.limit(1)
    simulator.control.fault("hang", "/templates", seconds=2.0, times=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.get(simulator.api_url + "/templates", timeout=0.2)
    wait_until(lambda: under_way(simulator) == 1)

    refused = api.call("GET", "/ping")
    wait_until(lambda: under_way(simulator) == 0)

    assert refused.status_code == 429
    assert api.call("GET", "/ping").status_code == 200


def test_latency_is_per_request_and_per_row(api: Api, simulator: Simulator) -> None:
    simulator.control.latency(0.1, 0.02, "/templates")

    for rows, least in ((0, 0.1), (5, 0.2)):
        begun = time.monotonic()
        api.get("/templates", count=rows)

        assert time.monotonic() - begun >= least


def test_ten_connections_are_served_and_the_eleventh_is_refused(api: Api, simulator: Simulator) -> None:
    simulator.control.latency(2, path="/ping")
    codes: list[int] = []

    def ask() -> None:
        answer = requests.get(simulator.api_url + "/ping", auth=("x", simulator.api_key), timeout=10)
        codes.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    wait_until(lambda: under_way(simulator) == 10)
    eleventh = api.call("GET", "/templates")
    for thread in threads:
        thread.join()

    assert codes == [200] * 10
    assert eleventh.status_code == 429
    stats = simulator.control.stats()
    assert (stats["refused"], stats["most_in_flight"]) == (1, 11)


@pytest.mark.parametrize("per, expected", [("user", 429), ("key", 200)])
def test_two_keys_of_a_user_share_the_limit_or_not(api: Api, simulator: Simulator, per: str, expected: int) -> None:
    simulator.control.facts(connection_limit_per=per)
    simulator.control.user("owner", keys=["second-key-us10"])
    simulator.control.limit(1)
    simulator.control.latency(2, path="/templates")
    thread = threading.Thread(target=lambda: api.call("GET", "/templates"))
    thread.start()
    wait_until(lambda: under_way(simulator) == 1)

    answer = requests.get(simulator.api_url + "/ping", auth=("x", "second-key-us10"), timeout=10)
    thread.join()

    assert answer.status_code == expected


def test_requests_are_counted_and_logged(api: Api, simulator: Simulator, list_id: str) -> None:
    simulator.control.reset_stats()
    simulator.control.latency(1, path=MEMBERS)
    threads = [threading.Thread(target=api.call, args=("GET", f"/lists/{list_id}/members")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    stats = simulator.control.stats()
    log = simulator.control.log("members")

    assert stats["by_operation"] == {f"GET {MEMBERS}": 4}
    assert stats["by_path"] == {f"GET /lists/{list_id}/members": 4}
    assert (stats["requests"], stats["rows"], stats["most_in_flight"]) == (4, 40, 4)
    assert 1 < stats["mean_in_flight"] <= 4
    assert len(log) == 4
    assert mean_in_flight(log, min(e[0] for e in log), max(e[1] for e in log)) == pytest.approx(
        stats["mean_in_flight"], rel=0.1
    )
    assert busy_window([[0, 1, "", "", "", 200, 1], [2, 5, "", "", "", 200, 1]]) == (1, 2)


def test_keys_tokens_and_permissions(api: Api, simulator: Simulator) -> None:
    url = simulator.api_url + "/ping"

    def title(**headers: str) -> str:
        return str(requests.get(url, headers=headers, timeout=10).json().get("title"))

    assert title(Authorization=f"Bearer {simulator.oauth_token}") == "None"
    assert title() == "API Key Missing"
    assert title(Authorization="Bearer nonsense-us10") == "API Key Invalid"
    simulator.control.user("former", keys=["former-us10"], disabled=True)
    assert title(Authorization="Bearer former-us10") == "User Disabled"
    simulator.control.user("viewer", keys=["viewer-us10"], forbidden=["/lists"])
    viewer = {"Authorization": "Bearer viewer-us10"}
    refused = requests.get(simulator.api_url + "/lists", headers=viewer, timeout=10)
    assert (refused.status_code, refused.json()["title"]) == (403, "User action not permitted")
    assert requests.get(simulator.api_url + "/campaigns", headers=viewer, timeout=10).status_code == 200
    simulator.control.forbid("/sms-campaigns")
    assert api.problem("GET", "/sms-campaigns")["status"] == 403


def test_oauth_metadata_names_the_data_centre_and_a_bad_token_is_answered_200(simulator: Simulator) -> None:
    url = simulator.base_url + "/oauth2/metadata"

    good = requests.get(url, headers={"Authorization": f"OAuth {simulator.oauth_token}"}, timeout=10)
    bad = requests.get(url, headers={"Authorization": "OAuth nonsense"}, timeout=10)

    assert good.json()["dc"] == "us10"
    assert (bad.status_code, bad.json()) == (200, {"error": "invalid_token"})
    simulator.control.fault("status", "/oauth2/metadata", status=502, body="html", times=1)
    assert requests.get(url, headers={"Authorization": "OAuth x"}, timeout=10).status_code == 502


def test_every_answer_has_a_request_id_and_the_simulators_own_time(api: Api, simulator: Simulator) -> None:
    simulator.control.clock(set=1_600_000_000, freeze=True)

    first, second = api.call("GET", "/ping"), api.call("GET", "/nothing")

    assert first.headers["x-request-id"] != second.headers["x-request-id"] == second.json()["instance"]
    assert first.headers["date"] == "Sun, 13 Sep 2020 12:26:40 GMT"


def test_answers_are_compressed_for_those_who_ask(api: Api, list_id: str) -> None:
    plain = api.call("GET", f"/lists/{list_id}/members", headers={"Accept-Encoding": "identity"})
    small = api.call("GET", f"/lists/{list_id}/members", headers={"Accept-Encoding": "gzip"})

    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.json() == small.json()


def test_the_control_endpoint_refuses_what_makes_no_sense(simulator: Simulator) -> None:
    senseless: list[tuple[str, dict[str, Any]]] = [
        ("fault", {"kind": "nonsense"}),
        ("rows", {"/nothing": 3}),
        ("facts", {"nonsense": True}),
        ("drift", {"kinds": ["dance"]}),
        ("delete", {"path": "/campaigns/none"}),
        ("dance", {}),
    ]
    for name, arguments in senseless:
        with pytest.raises(ControlError):
            simulator.control.send(name, arguments)


def test_a_reset_undoes_everything_that_was_commanded(api: Api, simulator: Simulator, list_id: str) -> None:
    control = simulator.control
    before = control.clock()
    control.clock(set=1_000_000_000, freeze=True)
    control.limit(1)
    control.forbid("/campaigns")
    control.user("owner", disabled=True)
    control.facts(tie_order="shuffled")
    control.rows({"/templates": 3})
    control.fault("reset")
    control.delete(f"/lists/{list_id}")

    control.reset()

    assert before <= control.clock() < before + 60
    assert control.facts()["tie_order"] == "stable"
    assert control.faults() == []
    assert api.get("/templates")["total_items"] == 6
    assert api.get("/campaigns")["campaigns"]
    assert list_id in api.lists()
