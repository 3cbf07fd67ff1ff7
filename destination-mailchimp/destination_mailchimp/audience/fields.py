"""What must be known about the audience before anything is written: its fields, groups and opt-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from destination_mailchimp.audience.calls import Calls
from mailchimp_api.account import audience_of
from mailchimp_api.client import Params
from mailchimp_api.errors import PermissionDenied, ResourceRefused


@dataclass(frozen=True)
class MergeField:
    """A field of the audience: its tag (FNAME), its name, its type, and the choices of a radio or dropdown."""

    tag: str
    name: str
    type: str
    required: bool = False
    choices: tuple[str, ...] = ()
    date_format: str = ""

    @property
    def day_first(self) -> bool:
        """Whether its dates are shown with the day first."""
        return self.date_format.upper().startswith("DD")

    @property
    def day_first_birthday(self) -> bool:
        """Whether it is a birthday whose format is DD/MM."""
        return self.type == "birthday" and self.day_first

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> MergeField:
        """Read a row of ``merge-fields``."""
        options = row.get("options") or {}
        return cls(
            tag=str(row["tag"]),
            name=str(row.get("name") or row["tag"]),
            type=str(row.get("type") or "text"),
            required=bool(row.get("required")),
            choices=tuple(str(choice) for choice in options.get("choices") or ()),
            date_format=str(options.get("date_format") or ""),
        )


@dataclass(frozen=True)
class Interest:
    """One group that a contact may be in, and the category it stands under.

    ``one_of``: the category's id, if people choose one of its groups (its type is radio or dropdown); else empty.
    """

    id: str
    name: str
    category: str
    one_of: str = ""


@dataclass(frozen=True)
class Permission:
    """One of the permissions that a GDPR audience asks for: what it says beside its box, and its id."""

    id: str
    text: str


@dataclass
class Audience:
    """An audience as far as writing to it needs."""

    id: str
    name: str
    double_optin: bool = False
    marketing_permissions: bool = False
    merge_fields: list[MergeField] = field(default_factory=list)
    interests: list[Interest] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    """Those that its contacts show; none if it has no contacts yet."""
    names_known: bool = True
    """Whether the interests and permissions have been read."""


def merge_fields(calls: Calls) -> list[dict[str, Any]]:
    """The rows of the audience's ``merge-fields``."""
    return list(calls.pages("merge-fields", "merge_fields", {"exclude_fields": "merge_fields._links,_links"}, "tag"))


def read_audience(
    calls: Calls,
    *beside: Callable[[], object],
    names: Callable[[list[MergeField]], bool] = lambda _: True,
) -> Audience:
    """Read the audience and its merge fields; ``beside`` is called meanwhile, and its errors are raised.

    ``names`` tells, by the merge fields, whether its interests and permissions are needed as well: they take longer.

    Raises ConfigErrors (AudienceNotFound, PermissionDenied, those of the key), ResourceGone if it vanishes meanwhile,
    and TransientErrors if Mailchimp can't be asked.
    """
    if not calls.list_id.isalnum():
        # Below such an id, a question would be about something else.
        audience_of(calls.client, calls.list_id, field="list_id")
    with calls.pool() as pool:
        audience = pool.submit(audience_of, calls.client, calls.list_id, field="list_id")
        fields = pool.submit(merge_fields, calls)
        categories = pool.submit(_categories, calls)
        others = [pool.submit(work) for work in beside]
        # First, so that what is wrong with the audience or the key is named as such.
        facts = audience.result()
        with _readable(calls):
            rows = [MergeField.from_row(item) for item in fields.result()]
            wanted = names(rows)
            interests, permissions = (
                _names(calls, pool, categories.result(), permissions=facts.marketing_permissions)
                if wanted
                else ([], [])
            )
        for other in others:
            other.result()
    return Audience(
        id=calls.list_id,
        name=facts.name,
        double_optin=facts.double_optin,
        marketing_permissions=facts.marketing_permissions,
        merge_fields=rows,
        interests=interests,
        permissions=permissions,
        names_known=wanted,
    )


def read_names(calls: Calls, audience: Audience) -> tuple[list[Interest], list[Permission]]:
    """The interests and permissions of an audience that was read without them. Raises as ``read_audience``."""
    with calls.pool() as pool, _readable(calls):
        return _names(calls, pool, _categories(calls), permissions=audience.marketing_permissions)


def _names(
    calls: Calls, pool: ThreadPoolExecutor, categories: list[dict[str, Any]], *, permissions: bool
) -> tuple[list[Interest], list[Permission]]:
    shown = pool.submit(_permissions, calls) if permissions else None
    groups = list(pool.map(lambda category: _interests(calls, category), categories))
    return [interest for group in groups for interest in group], shown.result() if shown else []


@contextmanager
def _readable(calls: Calls) -> Iterator[None]:
    try:
        yield
    except ResourceRefused as error:
        raise PermissionDenied(
            f"The key's user may not read the fields of the audience {calls.list_id} ({error.problem}).",
            field="credentials",
            request_id=error.request_id,
        ) from None


def some_merge_fields(calls: Calls) -> list[dict[str, Any]]:
    """The merge fields of up to a thousand contacts of the audience, as the API shows them."""
    rows = calls.get("members", {"count": 1000, "fields": "members.merge_fields"}, items="members")["members"]
    return [fields for row in rows if isinstance(row, dict) and isinstance(fields := row.get("merge_fields"), dict)]


def _categories(calls: Calls) -> list[dict[str, Any]]:
    params = {"exclude_fields": "categories._links,_links"}
    return list(calls.pages("interest-categories", "categories", params, "id"))


def _interests(calls: Calls, category: dict[str, Any]) -> list[Interest]:
    path = f"interest-categories/{category['id']}/interests"
    rows = calls.pages(path, "interests", {"exclude_fields": "interests._links,_links"}, "id")
    title = str(category.get("title") or "")
    one_of = str(category["id"]) if category.get("type") in ("radio", "dropdown") else ""
    return [Interest(str(row["id"]), str(row.get("name") or ""), title, one_of) for row in rows]


def _permissions(calls: Calls) -> list[Permission]:
    """The audience's marketing permissions. Only its contacts show them (spatie/laravel-newsletter#262)."""
    params: Params = {"count": 1, "fields": "members.marketing_permissions"}
    rows = calls.get("members", params, items="members")["members"]
    shown = rows[0].get("marketing_permissions") if rows and isinstance(rows[0], dict) else None
    return [
        Permission(str(item["marketing_permission_id"]), str(item.get("text") or ""))
        for item in shown or ()
        if isinstance(item, dict) and item.get("marketing_permission_id")
    ]
