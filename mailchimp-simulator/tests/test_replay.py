"""The simulator answers each recorded request as the real API did: with its status, its title and its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from mailchimp_simulator.client import Simulator, SimulatorProcess
from mailchimp_simulator.contract.evidence import (
    Recorded,
    operation_of,
    recorded_answers,
    recorded_sequences,
    shown_fields,
)
from tests.api import Api
from tests.stages import CONTRACT, GHOST, STAGES, Scene, digest, own_status

ANSWERS = {recorded.number: recorded for recorded in recorded_answers()}
# Of one recorder, by the names of its tests: its own server made a GET of every call, and 201 of the answer to a POST.
WRITTEN_DOWN_WRONG: dict[int, dict[str, Any]] = {
    150: {"method": "POST", "path": "/lists", "status": 200},
    151: {"method": "POST", "path": "/lists"},
    155: {"method": "POST", "path": "/lists/{id}/members", "status": 200},
    158: {"status": 200},
    159: {"method": "POST", "path": "/lists/{id}/segments"},
    163: {"method": "POST", "path": "/templates", "status": 200},
    166: {"method": "POST", "path": "/template-folders", "status": 200},
    170: {"method": "POST", "path": "/campaign-folders", "status": 200},
    # Another took the path of an audience's members down for what was the audience itself: its answer says so.
    134: {"path": "/lists"},
}
for wrong, right in WRITTEN_DOWN_WRONG.items():
    ANSWERS[wrong] = replace(ANSWERS[wrong], query="", **right)

NOT_WRITTEN = "the simulator lets nobody create campaigns or write their contents"
NOT_PLAYED = {
    44: "plain HTTP is redirected to HTTPS; the simulator speaks plain HTTP",
    **dict.fromkeys((73, 77, 124, 127, 128, 168), NOT_WRITTEN),
    152: "the simulator lets nobody delete an audience",
    254: "texts without the requests that they answer; some are played by `contact_fault`",
    260: "answered Member Exists elsewhere (028), which is played",
}
"""What is not replayed, by its number in answers.jsonl, with the reason."""

OWN_KEYS = re.compile(r"\b(merge_fields|interests|_links|properties|data|sections)\b.*")
"""Below these stand keys of the account's own; links are left out by many recorders."""
UNPLAYED_FIELDS = {
    "status_if_new": "an example of the documentation's, recorded by a test suite from its own fixtures",
}


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """An account of the days in which most GETs were recorded."""
    with SimulatorProcess(contacts=600, audiences=3, campaigns=24, recipients=60, now="2026-07-20T12:00:00Z") as one:
        yield one


# -- access, and GETs that were refused --------------------------------------------------------------------------


def access_refused(scene: Scene) -> Any:
    """GETs that were refused for who asked, or for where."""
    number, control, api = scene.recorded.number, scene.control, scene.api
    if number == 237:
        control.limit(0)
    elif number == 238:
        control.data_center("us6")
    elif number == 239:
        control.user("owner", disabled=True)
    elif number == 240:
        control.key(api.simulator.api_key)
    elif number == 262:
        control.fault("status", "/lists", status=503, body="akamai")
    elif number in (47, 269):
        api.session.auth = ("any", "wrong")
    answer = api.call("GET", "/lists")
    control.limit(10)
    return answer


REFUSED = {237, 238, 239, 240, 262, 269, 47}
ELSEWHERE = {
    2: f"/lists/{{list_id}}/members/{GHOST}", 65: f"/lists/{{list_id}}/members/{GHOST}", 60: "/lists/beef", 70: "/5",
    266: "/lists/beef/segments",
}  # fmt: skip
"""GETs of what isn't there."""


def compare(recorded: Recorded, response: requests.Response, played: set[str]) -> None:
    """Status, title and keys. `played`: the fields that answers of this kind have."""
    assert response.status_code == recorded.status, response.text
    if recorded.status >= 400:
        body = recorded.body if isinstance(recorded.body, dict) else {}
        if body.get("title", "?") != "?":
            assert response.json()["title"] == body["title"]
        assert set(body) - set(response.json()) == set()
        if body.get("errors"):
            said = {error["field"].replace("merge_fields.", "") for error in response.json()["errors"]}
            assert said & {error["field"].replace("merge_fields.", "") for error in body["errors"]}, response.text
        return
    missing = {name for name in shown_fields(recorded.body) if not OWN_KEYS.search(name)} - played
    assert {name for name in missing if not any(one in name for one in UNPLAYED_FIELDS)} == set()


REPLAYED = [recorded for number, recorded in ANSWERS.items() if number not in NOT_PLAYED]
READS = [
    recorded for recorded in REPLAYED
    if recorded.method == "GET" and recorded.number not in REFUSED and recorded.path != "/oauth2/metadata"
]  # fmt: skip
WRITES = [recorded for recorded in REPLAYED if recorded.method != "GET"]


@pytest.fixture(scope="module")
def shapes() -> dict[str, set[str]]:
    """The fields of answers that were looked at before, by operation and choice of fields."""
    return {}


def fields_played(scene: Scene, template: str, chosen: dict[str, str], shapes: dict[str, set[str]]) -> set[str]:
    """The fields of all answers to a GET: of a whole collection, or of many objects of it."""
    known = f"{template} {sorted(chosen.items())}"
    if known not in shapes:
        paths = [scene.example(template)]
        if template == "/lists/{list_id}/members/{subscriber_hash}":
            scene.list_id = scene.api.lists()[1]
            paths += [scene.member(scene.contact(status, 3)) for status in ("subscribed", "unsubscribed", "cleaned")]
            paths += [scene.member(scene.contact(place=place)) for place in range(20)]
        elif template in ("/campaigns/{campaign_id}", "/lists/{list_id}/segments/{segment_id}"):
            collection = paths[0].rpartition("/")[0]
            key = template.split("/")[-2]
            paths += [f"{collection}/{row['id']}" for row in scene.api.get(collection, count=30)[key]]
        elif template == "/lists/{list_id}/members":
            # What only audiences with permissions, and accounts with SMS, have.
            scene.list_id = scene.api.lists()[1]
            paths.append(scene.members)
            scene.control.facts(audience_has_sms=True)
            sms = {"sms_phone": "+15550100123", "marketing_consent": {"status": "confirmed"}}
            body = {"email_channel": {"email": "sms@example.org"}, "sms_channel": sms}
            assert scene.api.call("POST", f"/audiences/{scene.list_id}/contacts", json=body).status_code == 200
        elif template.endswith("/tags"):
            paths += [f"{scene.member(scene.contact(place=place))}/tags" for place in range(20)]
        answers = [scene.api.get(path, count=1000, **chosen) for path in paths]
        shapes[known] = {name for answer in answers for name in shown_fields(answer)}
    return shapes[known]


@pytest.mark.parametrize("recorded", READS, ids=lambda one: one.name)
def test_a_read_is_answered_as_it_was(
    recorded: Recorded, api: Api, simulator: Simulator, shapes: dict[str, set[str]]
) -> None:
    scene = Scene(recorded, api, simulator)
    if recorded.number in ELSEWHERE:
        response = scene.send(ELSEWHERE[recorded.number].format(list_id=scene.list_id))
        compare(recorded, response, set())
        return
    operation = operation_of(CONTRACT, recorded)
    assert operation is not None
    if recorded.status >= 400:
        compare(recorded, scene.send(scene.example(operation.path)), set())
        return
    query = dict(parse_qsl(recorded.query))
    chosen = {name: value for name, value in query.items() if name == "exclude_fields"}

    response = scene.send(scene.example(operation.path))

    compare(recorded, response, fields_played(scene, operation.path, chosen, shapes))


@pytest.mark.parametrize("recorded", WRITES, ids=lambda one: one.name)
def test_a_write_is_answered_as_it_was(
    recorded: Recorded, api: Api, simulator: Simulator, shapes: dict[str, set[str]]
) -> None:
    scene = Scene(recorded, api, simulator)
    path = STAGES.get(recorded.number, own_status)(scene)

    response = scene.send(path)

    played = set(shown_fields(response.json())) if response.content else set()
    if recorded.path.startswith("/lists/{id}/members"):
        # What only some contacts have counts as played, whichever was written here.
        played |= fields_played(scene, "/lists/{list_id}/members/{subscriber_hash}", {}, shapes)
    compare(recorded, response, played)


@pytest.mark.parametrize("number", sorted(REFUSED), ids=lambda number: ANSWERS[number].name)
def test_who_may_not_ask_is_told_as_it_was(number: int, api: Api, simulator: Simulator) -> None:
    compare(ANSWERS[number], access_refused(Scene(ANSWERS[number], api, simulator)), set())


def test_a_token_is_told_its_data_center_as_it_was(api: Api, simulator: Simulator) -> None:
    (recorded,) = [one for one in REPLAYED if one.path == "/oauth2/metadata"]

    answer = api.session.get(
        f"{simulator.base_url}/oauth2/metadata", auth=lambda request: request,
        headers={"Authorization": f"OAuth {simulator.oauth_token}"},
    )  # fmt: skip

    compare(recorded, answer, set(shown_fields(answer.json())))


@pytest.mark.parametrize("steps", recorded_sequences())
def test_a_contact_goes_through_what_it_went_through(
    steps: list[dict[str, Any]], api: Api, simulator: Simulator
) -> None:
    """Its status, its tags and its date of change after each call; a call that changes nothing moves no date."""
    list_id = api.lists()[0]
    for tag, kind in (("LTV", "number"), ("JOINED_AT", "date")):
        field = {"name": tag, "tag": tag, "type": kind}
        assert api.call("POST", f"/lists/{list_id}/merge-fields", json=field).status_code == 200
    there = False
    simulator.control.clock(freeze=True)
    for number, step in enumerate(steps):
        moment = datetime.fromisoformat(f"2021-11-23T{step['at']}+00:00").timestamp()
        simulator.control.clock(set=moment)
        if not there and step["status"] != 404:
            member = {"email_address": "person1@example.org", "status": "subscribed", "merge_fields": {"FNAME": "x"}}
            assert api.call("POST", f"/lists/{list_id}/members", json=member).status_code == 200
            there = True
        method, _, path = step["call"].partition(" ")
        path = f"/lists/{list_id}{path.format(hash=digest('person1@example.org'))}"

        request = step["request"]
        if request and (step["last_changed"] or "").endswith(f"T{step['at']}+00:00"):
            # Every name has become "x": where a date moved, another one had been sent.
            names = {tag: f"x{number}" for tag in ("FNAME", "LNAME") if request.get("merge_fields", {}).get(tag)}
            request = {**request, "merge_fields": {**request.get("merge_fields", {}), **names}}

        response = api.call(method, path, json=request)

        assert response.status_code == step["status"], (number, step, response.text)
        if step["member_status"]:
            shown = response.json()
            tags = {tag["name"] for tag in shown["tags"]}
            assert (shown["status"], shown["last_changed"]) == (step["member_status"], step["last_changed"]), number
            assert tags == set(step["tags"]), number


def test_every_exception_names_an_answer() -> None:
    assert set(NOT_PLAYED) | REFUSED | set(STAGES) | set(ELSEWHERE) <= set(ANSWERS)
    assert len(NOT_PLAYED) < 11
