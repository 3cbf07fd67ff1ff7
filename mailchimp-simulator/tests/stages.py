"""What must be there before a recorded request is sent again, so that it is answered as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from mailchimp_simulator.client import Simulator
from mailchimp_simulator.contract.evidence import Recorded
from mailchimp_simulator.contract.operations import Contract
from tests.api import Api

CONTRACT = Contract()
GHOST = "0" * 32


def digest(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


class Scene:
    """What must be there before a request is sent again, and the request itself."""

    def __init__(self, recorded: Recorded, api: Api, simulator: Simulator) -> None:
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
            key = {"merge_id": "merge_id", "feedback_id": "feedback_id", "month": "month"}.get(part[1:-1], "id")
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


def segment_again(scene: Scene) -> str:
    scene.control.facts(segment_names_unique=True)
    scene.segment()
    scene.body = {"name": "s", "static_segment": []}
    return f"/lists/{scene.list_id}/segments"


def segment_of_too_many(scene: Scene) -> str:
    scene.body = {"members_to_add": [f"new{number}@example.org" for number in range(501)]}
    return scene.segment()


def fields_of(kind: str, *tags: str) -> Callable[[Scene], str]:
    """A new contact, in an audience with these merge fields."""

    def stage(scene: Scene) -> str:
        for tag in tags:
            field = {"name": tag, "tag": tag, "type": kind}
            assert scene.api.call("POST", f"/lists/{scene.list_id}/merge-fields", json=field).status_code == 200
        return scene.members

    return stage


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


AUDIENCE: dict[str, Any] = {
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


def new_unsubscribed(scene: Scene) -> str:
    scene.body = {**NEW, "status": "unsubscribed"}
    return scene.members


def audience_cut_short(scene: Scene) -> str:
    scene.body = {"name": "Main", "contact": {**AUDIENCE["contact"], "zip": 101}}
    return "/lists"


def segment_of_nonsense(scene: Scene) -> str:
    scene.body = {"name": "S", "options": {"match": "string", "conditions": ["string"]}}
    return f"/lists/{scene.list_id}/segments"


NEW = {"email_address": "new@example.org"}
STAGES: dict[int, Callable[[Scene], str]] = {
    150: posted("/lists", **AUDIENCE), 151: forbidden, 155: new_unsubscribed, 134: audience_cut_short,
    159: segment_of_nonsense, 163: posted("/templates", name="string", html="x"),
    166: posted("/template-folders", name="string"), 170: posted("/campaign-folders", name="string"),
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
    263: segment_again, 264: segment_of_too_many, 265: who_left,
    267: fields_of("date", "CDATE", "TDATE"), 268: fields_of("birthday", "DOB"),
}  # fmt: skip
"""By number, where the request alone does not tell what was there."""
