"""What a body sets in a contact: checked as the API checks it, and brought into the form in which it is kept."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.account.merge_values import Choices, check
from mailchimp_simulator.account.refusals import MERGE_FIELDS_INVALID, UNVALIDATED, Refusal
from mailchimp_simulator.contract.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailchimp_simulator.account.audiences import Audience
    from mailchimp_simulator.contract.operations import Contract
    from mailchimp_simulator.settings import OpenFacts

Json = dict[str, Any]
Errors = list[tuple[str, str]]
_PLAIN = ("language", "vip", "email_type", "ip_opt", "ip_signup")
_LOCATION = {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "", "region": ""}


class Values:
    """Checks the bodies of one request."""

    def __init__(self, audience: Audience, contract: Contract, facts: OpenFacts, *, required: bool) -> None:
        """`required`: whether missing required merge fields are refused."""
        self.audience = audience
        self.contract = contract
        self.choices = Choices(
            facts.incomplete_address, facts.empty_state, facts.empty_zip, facts.birthday_as_field_says
        )
        self.one_group = facts.one_group_of_a_choice
        self.required = required

    def stored(self, body: Json, index: int | None) -> Json:
        """The fields of a body as they are kept. Raises Refusal with all that is wrong at the first stage that fails.

        `index`: the contact's, if it exists. The stages, and that each is told whole, are chosen without a source.
        """
        stored: Json = {key: body[key] for key in _PLAIN if key in body}
        errors = [*self._plain_errors(body), *self._permission_errors(body.get("marketing_permissions"))]
        if errors:
            raise Refusal("Invalid Resource", UNVALIDATED, *errors)
        if "location" in body:
            stored["location"] = {**_LOCATION, **body["location"]}
        stored |= self._merge_fields(body.get("merge_fields") or {}, index)
        interests = body.get("interests")
        if interests:
            offered = set(self.audience.interest_ids())
            for key in interests:
                if key not in offered:
                    raise Refusal("Invalid Resource", f"Invalid interest ID: '{key}'.")
            stored["interests"] = self._without_siblings(interests) if self.one_group else interests
        if body.get("marketing_permissions"):
            stored["marketing_permissions"] = self._permissions(body["marketing_permissions"], index)
        return stored

    def _without_siblings(self, given: dict[str, bool]) -> dict[str, bool]:
        """Of a category of which people choose one, no other group stays beside one that is given."""
        chosen = {key for key, flag in given.items() if flag}
        ended = {key: False for ids in self.audience.choices() if chosen & set(ids) for key in ids}
        return {**ended, **given}

    def _plain_errors(self, body: Json) -> Errors:
        errors: Errors = []
        language = body.get("language")
        if language and language not in self.contract.languages:
            errors.append(("language", "The value you selected is not a valid choice."))
        errors += [
            (name, "This is not a valid IP address.") for name in ("ip_opt", "ip_signup")
            if not _reads(ipaddress.ip_address, body.get(name))
        ]  # fmt: skip
        location = body.get("location") or {}
        for name, most in (("latitude", 90), ("longitude", 180)):
            if not -most <= location.get(name, 0) <= most:
                errors.append((f"location.{name}", f"This value should be between -{most} and {most}."))
        errors += [
            (name, "This value is not a valid datetime.") for name in ("timestamp_opt", "timestamp_signup")
            if not _reads(parse_time, body.get(name))
        ]  # fmt: skip
        return errors

    def _merge_fields(self, given: Json, index: int | None) -> Json:
        if not given and not self.required:
            return {}
        before: Json = {}
        if index is not None and any(field["required"] for field in self.audience.merge_fields):
            before = self.audience.rows.row(index, links=False)["merge_fields"] or {}
        merged, errors, unmatched = check(
            self.audience.merge_fields, given, before, required=self.required, choices=self.choices
        )
        if unmatched:
            message = "Data did not match any of the schemas described in anyOf."
            raise Refusal("Invalid Resource", UNVALIDATED, *((f"merge_fields.{tag}", message) for tag in unmatched))
        if errors:
            raise Refusal("Invalid Resource", MERGE_FIELDS_INVALID, *errors)
        return {"merge_fields": merged} if merged else {}

    def _permission_errors(self, given: list[Json] | None) -> Errors:
        """An audience that asks for no permissions takes any."""
        offered = {one["marketing_permission_id"] for one in self.audience.permissions}
        if not offered:
            return []
        unknown = [one for one in given or [] if one.get("marketing_permission_id") not in offered]
        return [("marketing_permissions", "The value you selected is not a valid choice.")] if unknown else []

    def _permissions(self, given: list[Json], index: int | None) -> list[Json]:
        before = self.audience.permissions
        if not before:
            return [{"text": "", **one} for one in given]
        if index is not None:
            before = self.audience.rows.row(index, links=False).get("marketing_permissions") or before
        enabled = {one["marketing_permission_id"]: one.get("enabled", True) for one in given}
        return [{**one, "enabled": enabled.get(one["marketing_permission_id"], one["enabled"])} for one in before]


def _reads(reader: Callable[[str], object], text: str | None) -> bool:
    """Whether a text is empty, or one that a function can read."""
    try:
        if text:
            reader(text)
    except ValueError:
        return False
    return True


def dates(body: Json) -> tuple[int | None, int | None]:
    """`timestamp_opt` and `timestamp_signup` of a body that was checked."""
    opt, signup = (body.get(name) for name in ("timestamp_opt", "timestamp_signup"))
    return parse_time(opt) if opt else None, parse_time(signup) if signup else None
