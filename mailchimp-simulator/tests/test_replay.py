"""The simulator answers each recorded request as the real API did: with its status, its title and its keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from mailchimp_simulator.client import SimulatorProcess
from mailchimp_simulator.contract.evidence import (
    Recorded,
    operation_of,
    recorded_answers,
    recorded_sequences,
    shown_fields,
)
from mailchimp_simulator.contract.operations import Contract

CONTRACT = Contract()
ANSWERS = {recorded.number: recorded for recorded in recorded_answers()}

GET_FOR_POST = "the recorder wrote down GET for what was a POST or a DELETE"
NOT_WRITTEN = "the simulator lets nobody write campaigns' contents"
NOT_PLAYED = {
    44: "plain HTTP is redirected to HTTPS; the simulator speaks plain HTTP",
    **dict.fromkeys((150, 151, 152, 155, 158, 159, 163, 166, 168, 170), GET_FOR_POST),
    **dict.fromkeys((73, 77, 124, 127, 128), NOT_WRITTEN),
    134: "the recorder wrote down the path of members for what was a POST of an audience",
    254: "texts without the requests that they answer; some are played by `contact_fault`",
    260: "answered Member Exists elsewhere (028), which is played",
}
"""What is not replayed, by its number in answers.jsonl, with the reason."""

OWN_KEYS = re.compile(r"\b(merge_fields|interests|_links|properties|data|sections)\b.*")
"""Below these stand keys of the account's own; links are left out by many recorders."""
UNPLAYED_FIELDS = {
    "status_if_new": "an example of the documentation's, recorded by a test suite from its own fixtures",
}
GHOST = "0" * 32


def digest(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """An account of the days in which most GETs were recorded."""
    with SimulatorProcess(contacts=600, audiences=3, campaigns=24, recipients=60, now="2026-07-20T12:00:00Z") as one:
        yield one


class Scene:
    """What must be there before a request is sent again, and the request itself."""

    def __init__(self, recorded: Recorded, api: Any, simulator: Any) -> None:
        self.recorded = recorded
        self.api = api
        self.control = simulator.control
        self.list_id = api.lists()[0]
        self.body: Any = recorded.request if isinstance(recorded.request, dict) else {}
        self.method = recorded.method

    @property
    def members(self) -> str:
        return f"/lists/{self.list_id}/members"

    def contact(self, status: str = "subscribed", place: int = 0) -> str:
        """The address of a contact with a status."""
        rows = self.api.get(self.members, status=status, count=place + 1)["members"]
        address: str = rows[place]["email_address"]
        return address

    def member(self, address: str) -> str:
        return f"{self.members}/{digest(address)}"

    def segment(self) -> str:
        made = self.api.call("POST", f"/lists/{self.list_id}/segments", json={"name": "S", "static_segment": []})
        return f"/lists/{self.list_id}/segments/{made.json()['id']}"

    def example(self, template: str) -> str:
        """A path with the ids of objects that exist."""
        real = above = ""
        for part in template.strip("/").split("/"):
            above += f"/{part}"
            if not part.startswith("{"):
                real += f"/{part}"
                continue
            collection = CONTRACT.operations["GET", above.rpartition("/")[0]]
            rows = self.api.get(real, count=1000)[collection.items_key]
            key = {"merge_id": "merge_id", "feedback_id": "feedback_id"}.get(part[1:-1], "id")
            chosen = [row for row in rows if row.get("status") == "sent"] or rows
            real += f"/{chosen[0].get(key) or chosen[0].get('email_id')}"
        return real or "/"

    def send(self, path: str) -> Any:
        return self.api.call(self.method, path, json=self.body or None, params=parse_qsl(self.recorded.query))


# -- the scenes of writes: each sets the stage and tells the path ------------------------------------------------


def new_contact(scene: Scene) -> str:
    return scene.members


def new_with_interest(scene: Scene) -> str:
    ids = scene.api.get(scene.member(scene.contact()))["interests"]
    scene.body = {**scene.body, "interests": {next(iter(ids)): True}}
    return scene.members


def known_contact(scene: Scene) -> str:
    scene.body = {**scene.body, "email_address": scene.contact()}
    return scene.members


def fake_contact(scene: Scene) -> str:
    scene.body = {**scene.body, "email_address": "fake@example.org"}
    return scene.members


def forgotten_contact(scene: Scene) -> str:
    address = scene.contact()
    scene.control.change("delete_permanent", emails=[address], list_id=scene.list_id)
    scene.body = {"email_address": address, "status": "subscribed"}
    return scene.members


def null_field(scene: Scene) -> str:
    scene.body = {"email_address": "new@example.org", "status": "subscribed", **scene.body}
    return scene.members


def blank_address(scene: Scene) -> str:
    scene.body = {"email_address": "", "status": "subscribed"}
    return scene.members


def own_status(scene: Scene) -> str:
    """A contact that ends with the status that was recorded, whether or not the request names one."""
    ends = scene.recorded.body["status"] if isinstance(scene.recorded.body, dict) else "subscribed"
    asked = scene.body.get("status")
    address = scene.contact("subscribed" if asked else ends)
    if "email_address" in scene.body:
        scene.body = {**scene.body, "email_address": address}
    return scene.member(address)


def numbers_field(scene: Scene) -> str:
    field = {"name": "LTV", "tag": "LTV", "type": "number"}
    assert scene.api.call("POST", f"/lists/{scene.list_id}/merge-fields", json=field).status_code == 200
    return scene.member(scene.contact())


def required_field(scene: Scene) -> str:
    field = {"name": "Third", "tag": "MMERGE3", "type": "text", "required": True}
    assert scene.api.call("POST", f"/lists/{scene.list_id}/merge-fields", json=field).status_code == 200
    scene.body = {"merge_fields": {"FNAME": "x"}}
    return scene.member(scene.contact())


def taken_address(scene: Scene) -> str:
    scene.body = {**scene.body, "email_address": scene.contact(place=1)}
    return scene.member(scene.contact())


def who_left(scene: Scene) -> str:
    return scene.member(scene.contact("unsubscribed"))


def cleaned_moves(scene: Scene) -> str:
    scene.control.facts(email_change_of_unsubscribed=False)
    scene.body = {"email_address": "another@example.org"}
    return scene.member(scene.contact("cleaned"))


def who_is_archived(scene: Scene) -> str:
    return scene.member(scene.contact("archived"))


def ghost_tags(scene: Scene) -> str:
    return f"{scene.members}/{GHOST}/tags"


def known_tags(scene: Scene) -> str:
    return f"{scene.member(scene.contact())}/tags"


def known_events(scene: Scene) -> str:
    return f"{scene.member(scene.contact())}/events"


def batch_of(*members: dict[str, Any], **options: Any) -> Callable[[Scene], str]:
    """A batch; `{status}` for an address is that of a contact with this status."""

    def stage(scene: Scene) -> str:
        filled = [
            {key: scene.contact(value[1:-1]) if isinstance(value, str) and value.startswith("{") else value
             for key, value in member.items()}
            for member in members
        ]  # fmt: skip
        scene.body = {"members": filled, "update_existing": True, **options}
        return f"/lists/{scene.list_id}"

    return stage


def segment_of(**lists: list[str]) -> Callable[[Scene], str]:
    """A segment call: `in it`, `not in it` (both subscribed), `stranger`."""

    def stage(scene: Scene) -> str:
        inside, outside = scene.contact(), scene.contact(place=1)
        path = scene.segment()
        assert scene.api.call("POST", path, json={"members_to_add": [inside]}).status_code == 200
        who = {"in it": inside, "not in it": outside, "stranger": "nobody@example.org"}
        scene.body = {name: [who[one] for one in wanted] for name, wanted in lists.items()}
        return path

    return stage


def uncounted(scene: Scene) -> str:
    scene.control.facts(segment_totals_told=False)
    return segment_of(members_to_add=["not in it"])(scene)


def second_segment(scene: Scene) -> str:
    scene.segment()
    scene.body = {"name": "S", "static_segment": []}
    return f"/lists/{scene.list_id}/segments"


def silently_kept(scene: Scene) -> str:
    scene.control.facts(resubscribe_silently_ignored=True)
    return batch_of({"email_address": "{unsubscribed}", "status": "subscribed"})(scene)


def category(scene: Scene) -> str:
    return f"/lists/{scene.list_id}/interest-categories"


def category_again(scene: Scene) -> str:
    scene.api.call("POST", category(scene), json=scene.body)
    return category(scene)


def interest(scene: Scene) -> str:
    return f"{scene.example('/lists/{list_id}/interest-categories/{interest_category_id}')}/interests"


def interest_again(scene: Scene) -> str:
    path = interest(scene)
    scene.api.call("POST", path, json=scene.body)
    return path


def an_object(template: str, **body: Any) -> Callable[[Scene], str]:
    def stage(scene: Scene) -> str:
        scene.body = body
        return scene.example(template)

    return stage


AUDIENCE = {
    "name": "Main", "permission_reminder": "You opted in.", "email_type_option": False,
    "contact": {"company": "x", "address1": "x", "city": "x", "state": "x", "zip": "x", "country": "IS"},
    "campaign_defaults": {"from_name": "x", "from_email": "x@example.org", "subject": "x", "language": "en"},
}  # fmt: skip


SETTINGS = {"title": "x", "from_name": "x", "reply_to": "x@example.org", "subject_line": "x"}


def forbidden(scene: Scene) -> str:
    scene.control.user("owner", forbidden=["/lists"])
    scene.body = AUDIENCE
    return "/lists"


def without_lists(scene: Scene) -> str:
    path = "/lists"
    scene.body = AUDIENCE
    return path


def posted(path: str, **body: Any) -> Callable[[Scene], str]:
    def stage(scene: Scene) -> str:
        scene.body = body
        return path

    return stage


NEW = {"email_address": "new@example.org"}
STAGES: dict[int, Callable[[Scene], str]] = {
    1: ghost_tags, 4: known_tags, 17: known_tags, 80: known_events,
    3: new_contact, 24: new_contact, 37: new_contact, 40: new_contact, 62: new_contact, 81: new_contact,
    68: new_with_interest,
    133: an_object("/lists/{list_id}/members", **NEW, status="subscribed"),
    136: an_object("/lists/{list_id}/members", **NEW, status="subscribed"),
    29: new_contact, 30: fake_contact, 63: known_contact, 69: known_contact, 241: forgotten_contact, 249: null_field,
    250: blank_address, 13: numbers_field, 28: taken_address, 244: taken_address, 242: who_left, 243: who_left,
    245: cleaned_moves, 248: who_left, 251: required_field, 25: who_is_archived, 261: who_is_archived,
    131: an_object("/lists/{list_id}/members/{subscriber_hash}", status="unsubscribed"),
    49: category, 54: category_again, 51: interest, 56: interest_again,
    53: an_object("/lists/{list_id}/interest-categories/{interest_category_id}/interests/{interest_id}"),
    55: an_object("/lists/{list_id}/interest-categories/{interest_category_id}"),
    87: batch_of({**NEW, "merge_fields": {"LNAME": "x"}, "status": "subscribed"}, update_existing=False),
    122: an_object("/campaigns/{campaign_id}", settings=SETTINGS),
    135: an_object("/lists/{list_id}", **{**AUDIENCE, "name": "ChangedName"}),
    138: without_lists, 139: posted("/lists", name="x"), 253: forbidden,
    141: an_object("/templates/{template_id}", name="NewTemplateName", html="x"),
    146: posted("/templates/noTemplate"), 147: posted("/templates", name="x", html="x"), 148: posted("/templates", a=1),
    224: batch_of(
        {**NEW, "status_if_new": "subscribed"}, {"email_address": "{subscribed}", "status_if_new": "subscribed"},
        {"email_address": "fake@example.org", "status_if_new": "subscribed"},
        {"email_address": "b@example.org", "status_if_new": "subscribed", "merge_fields": {"BIRTHDAY": "never"}},
    ),
    225: batch_of({**NEW, "status": "subscribed"}, {**NEW, "status": "subscribed"}),
    226: batch_of({**NEW}),
    227: batch_of({"email_address": "{subscribed}", "interests": {"abc": False}}),
    228: batch_of({"email_address": "toomany@example.org", "status": "subscribed"}),
    246: batch_of({**NEW, "status": "", "status_if_new": "subscribed", "vip": False}),
    247: batch_of({**NEW}, update_existing=False),
    259: silently_kept,
    229: segment_of(members_to_add=["not in it"]), 230: segment_of(members_to_add=["in it"]),
    231: segment_of(members_to_add=["stranger"]), 232: segment_of(members_to_remove=["stranger"]),
    233: segment_of(members_to_remove=["in it", "stranger"]),
    234: segment_of(members_to_remove=["not in it", "in it"]), 235: uncounted, 236: second_segment,
}  # fmt: skip
"""By number, where the request alone does not tell what was there."""


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
    elif number == 47:
        api.session.auth = ("any", "wrong")
    answer = api.call("GET", "/lists")
    control.limit(10)
    return answer


REFUSED = {237, 238, 239, 240, 47}
ELSEWHERE = {
    2: f"/lists/{{list_id}}/members/{GHOST}", 65: f"/lists/{{list_id}}/members/{GHOST}", 60: "/lists/beef", 70: "/5",
}  # fmt: skip
"""GETs of what isn't there."""


def compare(recorded: Recorded, response: Any, played: set[str]) -> None:
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
    recorded: Recorded, api: Any, simulator: Any, shapes: dict[str, set[str]]
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
    recorded: Recorded, api: Any, simulator: Any, shapes: dict[str, set[str]]
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
def test_who_may_not_ask_is_told_as_it_was(number: int, api: Any, simulator: Any) -> None:
    compare(ANSWERS[number], access_refused(Scene(ANSWERS[number], api, simulator)), set())


def test_a_token_is_told_its_data_center_as_it_was(api: Any, simulator: Any) -> None:
    (recorded,) = [one for one in REPLAYED if one.path == "/oauth2/metadata"]

    answer = api.session.get(
        f"{simulator.base_url}/oauth2/metadata", auth=lambda request: request,
        headers={"Authorization": f"OAuth {simulator.oauth_token}"},
    )  # fmt: skip

    compare(recorded, answer, set(shown_fields(answer.json())))


@pytest.mark.parametrize("steps", recorded_sequences())
def test_a_contact_goes_through_what_it_went_through(steps: list[dict[str, Any]], api: Any, simulator: Any) -> None:
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
    assert len(NOT_PLAYED) < 20
