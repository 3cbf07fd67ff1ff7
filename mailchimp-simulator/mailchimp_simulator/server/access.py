"""Who may ask: keys, tokens, disabled users, refused permissions, and the limit of simultaneous connections."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.contract.answers import ProblemError

if TYPE_CHECKING:
    from mailchimp_simulator.settings import Settings

Json = dict[str, Any]

OAUTH_METADATA = "/oauth2/metadata"
"""The one path that is not of the contract."""


@dataclass
class User:
    """Somebody with one or more keys."""

    name: str
    disabled: bool = False
    forbidden: list[str] = field(default_factory=list)
    """Path templates, or beginnings of them, that this user's role or plan does not have."""


class Access:
    """All users and what they have in flight."""

    def __init__(self, settings: Settings) -> None:
        """One user, with the key and the token of the settings."""
        self.settings = settings
        self.in_flight: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """One user again, with all permissions; connections that are open go on counting."""
        settings = self.settings
        self.limit = settings.connection_limit
        owner = User("owner")
        self.users = {"owner": owner}
        self.secrets: dict[str, User] = {settings.api_key: owner, settings.oauth_token: owner}
        self.forbidden: list[str] = []
        self.disabled_keys: set[str] = set()
        self.linked_to: str | None = None

    def add_user(self, body: Json) -> User:
        """A user (or another key for one) from a control request: name, keys, disabled, forbidden."""
        user = self.users.setdefault(body["name"], User(body["name"]))
        user.disabled = bool(body.get("disabled", user.disabled))
        user.forbidden = list(body.get("forbidden", user.forbidden))
        for key in body.get("keys", []):
            self.secrets[key] = user
        return user

    def who(self, header: str | None) -> tuple[str, User]:
        """The secret and the user of an `Authorization` header. Raises ProblemError (401, 403)."""
        if not header:
            raise ProblemError(401, "API Key Missing", "Your request did not include an API key.")
        scheme, _, value = header.partition(" ")
        secret = ""
        if scheme.lower() in ("bearer", "oauth"):
            secret = value.strip()
        elif scheme.lower() == "basic":
            try:
                secret = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                secret = ""
        if self.linked_to:
            raise ProblemError(403, "Forbidden", f"The API key provided is linked to datacenter '{self.linked_to}'")
        user = self.secrets.get(secret)
        if secret in self.disabled_keys:
            raise ProblemError(401, "API Key Invalid", "API key has been disabled")
        if user is None:
            raise ProblemError(
                401,
                "API Key Invalid",
                "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
            )
        if user.disabled:
            raise ProblemError(403, "User Disabled", "This account has been deactivated.")
        return secret, user

    def check(self, user: User, template: str) -> None:
        """Refuse what the user's role, or the account's plan, does not have. Raises ProblemError (403)."""
        for beginning in (*self.forbidden, *user.forbidden):
            if template == beginning or template.startswith(beginning.rstrip("/") + "/"):
                detail = "User does not have access to the requested operation"
                raise ProblemError(403, "User action not permitted", detail)

    def enter(self, secret: str, user: User) -> str:
        """Count a connection in. Raises ProblemError (429) if there are too many."""
        name = user.name if self.settings.facts.connection_limit_per == "user" else secret
        if self.in_flight[name] >= self.limit:
            raise ProblemError(
                429, "Too Many Requests", f"You have exceeded the limit of {self.limit} simultaneous connections."
            )
        self.in_flight[name] += 1
        return name

    def leave(self, name: str) -> None:
        """Count a connection out."""
        self.in_flight[name] -= 1

    def metadata(self, header: str | None, base_url: str) -> Json:
        """`/oauth2/metadata`; a bad token is answered 200 with an error (report)."""
        scheme, _, token = (header or "").partition(" ")
        user = self.secrets.get(token.strip())
        if scheme.lower() != "oauth" or user is None:
            return {"error": "invalid_token"}
        return {"dc": "us10", "role": "owner", "accountname": "Example Ltd", "user_id": 1, "login_url": base_url,
                "login": {"login_id": 1, "login_name": user.name, "email": "owner@example.com",
                          "login_email": "owner@example.com", "avatar": None},
                "api_endpoint": base_url}  # fmt: skip
