"""What somebody says in the environment before ``make test-live``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailchimp_api.credentials import ApiKeyCredentials
from mailchimp_api.errors import ConfigError

_DOMAIN = re.compile(r"(?=.{4,200}\Z)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE)
# A made-up address there could be somebody's.
_EVERYBODYS = {
    *("aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com"),
    *("mail.ru", "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com", "web.de", "yahoo.com"),
}


@dataclass(frozen=True)
class Settings:
    """``list_id`` and ``domain``: both are needed before anything is written. ``pause``: seconds between two looks.

    ``api_url`` points everything at the simulator. ``second_api_key``: another key of the same Mailchimp user.
    """

    api_key: str
    list_id: str | None = None
    domain: str | None = None
    second_api_key: str | None = None
    api_url: str | None = None
    pause: float = 2.0

    @property
    def credentials(self) -> ApiKeyCredentials:
        """The way into the account."""
        return ApiKeyCredentials(apikey=self.api_key)

    @property
    def why_nothing_is_written(self) -> str | None:
        """What is missing before a probe may write, or None."""
        missing = [
            name
            for name, value in (("MAILCHIMP_LIST_ID", self.list_id), ("MAILCHIMP_TEST_DOMAIN", self.domain))
            if not value
        ]
        return f"{' and '.join(missing)} not set, so nothing is written" if missing else None


def settings_of(environment: Mapping[str, str]) -> Settings | None:
    """The settings, or None without MAILCHIMP_API_KEY. Raises ConfigError for a domain or pause that can't be."""

    def value(name: str) -> str | None:
        return environment.get(name, "").strip() or None

    key = value("MAILCHIMP_API_KEY")
    if key is None:
        return None
    return Settings(
        api_key=key,
        list_id=value("MAILCHIMP_LIST_ID"),
        domain=_domain(value("MAILCHIMP_TEST_DOMAIN")),
        second_api_key=value("MAILCHIMP_SECOND_API_KEY"),
        api_url=value("MAILCHIMP_API_URL"),
        pause=_pause(value("MAILCHIMP_TEST_PAUSE")),
    )


def _domain(text: str | None) -> str | None:
    if text is None:
        return None
    domain = text.lower()
    if not _DOMAIN.fullmatch(domain) or domain in _EVERYBODYS:
        raise ConfigError(
            "MAILCHIMP_TEST_DOMAIN must be a domain of your own, such as tests.your-company.com, "
            "at which nobody receives mail.",
            field="MAILCHIMP_TEST_DOMAIN",
        )
    return domain


def _pause(text: str | None) -> float:
    if text is None:
        return Settings.pause
    try:
        return float(text)
    except ValueError:
        raise ConfigError("MAILCHIMP_TEST_PAUSE must be seconds, such as 2.5.", field="MAILCHIMP_TEST_PAUSE") from None
