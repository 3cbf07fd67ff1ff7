"""Groups and marketing permissions of an audience: found by their id, or by the words that people see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from destination_mailchimp.audience.fields import Interest, Permission
from destination_mailchimp.mapping.errors import BadValue
from destination_mailchimp.mapping.partial_contact import PartialContact, Put
from destination_mailchimp.mapping.values import as_flag, as_names
from destination_mailchimp.mapping.wanted import NotMappableYet


class Names:
    """Ids by their names, without regard to case and to how many blanks there are."""

    def __init__(self, what: str, names: Iterable[tuple[str, str]]) -> None:
        """``what``: how messages call one; ``names``: pairs of a name and an id, a name maybe with several ids."""
        self._what = what
        self._ids: dict[str, set[str]] = {}
        for name, identifier in names:
            self._ids.setdefault(_plain(name), set()).add(identifier)
        self._commas = max((name.count(",") for name in self._ids), default=0)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._ids)

    def __contains__(self, name: str) -> bool:
        """Whether there is such a name."""
        return _plain(name) in self._ids

    def find(self, name: str) -> str:
        """The id that a name stands for. Raises BadValue if there is none, or more than one."""
        ids = self._ids.get(_plain(name), set())
        if len(ids) > 1:
            raise BadValue(f"names a {self._what} that several categories have: write category: name")
        if not ids:
            raise BadValue(f"names a {self._what} that the audience does not have")
        return next(iter(ids))

    def split(self, text: str) -> list[str]:
        """The names in text separated by commas. A name of the audience that holds commas itself stays whole."""
        parts = text.split(",")
        found: list[str] = []
        place = 0
        while place < len(parts):
            for end in range(min(len(parts), place + self._commas + 1), place + 1, -1):
                if _plain(name := ",".join(parts[place:end])) in self._ids:
                    break
            else:
                end = place + 1
                name = parts[place]
            place = end
            if name := name.strip():
                found.append(name)
        return found


class Interests:
    """Finds the audience's groups by id, by name, or by ``category: name`` where a name stands under several."""

    what = "interest"

    def __init__(self, interests: Iterable[Interest] | None = None) -> None:
        """None if they are to be learnt when the first record needs them."""
        self._known = False
        self._all: list[str] = []
        if interests is not None:
            self.learn(interests)

    def learn(self, interests: Iterable[Interest]) -> None:
        """These are the audience's groups."""
        interests = list(interests)
        self._known = True
        self._all = [interest.id for interest in interests]
        categories: dict[str, list[str]] = {}
        for interest in interests:
            if interest.one_of:
                categories.setdefault(interest.one_of, []).append(interest.id)
        self._siblings = {identifier: ids for ids in categories.values() for identifier in ids}
        """For each group of a category of which people choose one: all groups of that category."""
        self._names = Names(
            "group",
            (
                (name, interest.id)
                for interest in interests
                for name in (
                    interest.id,
                    interest.name,
                    f"{interest.category}: {interest.name}",
                    f"{interest.category}:{interest.name}",
                    f"{interest.category}/{interest.name}",
                )
            ),
        )

    def find(self, name: str) -> str:
        """The id of a group. Raises BadValue if there is none, or more than one."""
        return self._names.find(name)

    def put(self, partial: PartialContact, value: Any) -> None:
        """A column of groups: an object of names (or ids) and flags, an array of names, or comma-separated names.

        Raises NotMappableYet if the groups are not known.
        """
        if not self._known:
            raise NotMappableYet(names=True)
        all_found = True
        for name, flag in flags_of(value, self._names):
            if flag is None:
                continue
            try:
                partial.interests[self.find(name)] = as_flag(flag)
            except BadValue as bad:
                # The other groups are good; but who knows which one was meant, so none is taken away.
                all_found = False
                partial.lose("interests", bad)
        partial.all_groups = all_found

    def no_to_others(self, chosen: dict[str, bool]) -> dict[str, bool]:
        """The groups that a record says yes or no to, and no to all others."""
        return {**dict.fromkeys(self._all, False), **chosen}

    def without_siblings(self, chosen: dict[str, bool]) -> dict[str, bool]:
        """The groups that a record says yes or no to, and no to those that a chosen one excludes.

        Whether Mailchimp itself ends a contact's earlier group of a radio or dropdown category is open, so it is
        told, as others do (aelvan/mailchimp-subscribe-craft#30). Of several that the record itself says yes to, none
        is taken away.
        """
        siblings = (self._siblings.get(identifier, ()) for identifier, flag in chosen.items() if flag)
        return {**{other: False for ids in siblings for other in ids}, **chosen}

    def flag(self, name: str) -> Put | None:
        """A column that says yes or no to one group; None if there is no such group, or more than one."""
        try:
            found = self.find(name)
        except BadValue:
            return None

        def put(partial: PartialContact, value: Any) -> None:
            partial.interests[found] = as_flag(value)

        return put


class Permissions:
    """Finds the audience's marketing permissions by id or by their text.

    The API shows both only at the audience's contacts (spatie/laravel-newsletter#262), so they may not be known:
    then ids are passed on as they are.
    """

    what = "marketing permission"

    def __init__(self, permissions: Iterable[Permission] | None = None) -> None:
        """None if they are to be learnt when the first record needs them."""
        self._known = False
        if permissions is not None:
            self.learn(permissions)

    def learn(self, permissions: Iterable[Permission]) -> None:
        """These are the audience's permissions, as far as its contacts show them."""
        shown = list(permissions)
        self._known = True
        self._names = Names(
            "marketing permission", ((name, item.id) for item in shown for name in {item.id, item.text} if name)
        )

    def find(self, name: str) -> str:
        """The id of a permission. Raises BadValue if there is none."""
        return self._names.find(name)

    def put(self, partial: PartialContact, value: Any) -> None:
        """A column of permissions: the source's array of objects, an object of ids or texts and flags, or texts.

        Raises NotMappableYet if the permissions are not known.
        """
        if not self._known:
            raise NotMappableYet(names=True)
        if isinstance(value, str):
            value = _decoded(value)
        made = {item["marketing_permission_id"]: item["enabled"] for item in partial.permissions or ()}
        for names, flag in self._entries(value):
            if flag is None:
                continue
            try:
                made[self._one_of(names)] = as_flag(flag)
            except BadValue as bad:
                partial.lose("marketing_permissions", bad)
        partial.permissions = _listed(made)

    def flag(self, name: str) -> Put | None:
        """A column that says yes or no to one permission; None if there is none of that text or id."""
        try:
            found = self.find(name)
        except BadValue:
            return None

        def put(partial: PartialContact, value: Any) -> None:
            made = {item["marketing_permission_id"]: item["enabled"] for item in partial.permissions or ()}
            partial.permissions = _listed({**made, found: as_flag(value)})

        return put

    def _entries(self, value: Any) -> list[tuple[list[str], Any]]:
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            return [_entry(item) for item in value]
        return [([name], flag) for name, flag in flags_of(value, self._names)]

    def _one_of(self, names: list[str]) -> str:
        """By the first name that is known: records of another audience have other ids, but maybe the same texts."""
        if not names:
            raise BadValue("holds an entry without marketing_permission_id and text")
        if not self._names:
            return names[0]
        return self.find(next((name for name in names if name in self._names), names[0]))


def _entry(item: Any) -> tuple[list[str], Any]:
    """The id and the text of an object as the API shows permissions, and its flag; one that is missing says nothing."""
    row = item if isinstance(item, dict) else {}
    texts = (row.get("marketing_permission_id"), row.get("text"))
    return [text for text in texts if isinstance(text, str) and text], row.get("enabled", ...)


def flags_of(value: Any, names: Names) -> list[tuple[str, Any]]:
    """Names and flags from an object (or its JSON), an array of names, or names separated by commas: these are true.

    Raises BadValue for anything else.
    """
    if isinstance(value, str):
        value = _decoded(value)
    if isinstance(value, str):
        return [(name, True) for name in names.split(value)]
    if isinstance(value, dict):
        return [(str(name), flag) for name, flag in value.items()]
    return [(name, True) for name in as_names(value)]


def _decoded(text: str) -> Any:
    """What a text that is JSON of an object or array holds; any other text as it is. Raises BadValue."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if text.startswith("{"):
            raise BadValue("is not an object") from None
        return text


def _listed(enabled: dict[str, bool]) -> list[dict[str, Any]] | None:
    return [{"marketing_permission_id": key, "enabled": flag} for key, flag in enabled.items()] or None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
