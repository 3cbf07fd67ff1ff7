"""The two ways into an account, as the user types them: an API key, or an OAuth access token."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from mailchimp_api.errors import ConfigError, InvalidAccessToken, InvalidApiKey

_DATA_CENTER = re.compile(r"[a-z]{2,20}[0-9]{1,5}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")
WHERE_KEYS_ARE = "in Mailchimp under Account & billing → Extras → API keys"


class ApiKeyCredentials(BaseModel):
    """An API key of the Mailchimp account."""

    model_config = ConfigDict(title="API Key", hide_input_in_errors=True)

    auth_type: Literal["apikey"] = "apikey"
    apikey: Annotated[
        str,
        Field(
            title="API Key",
            description=f"Mailchimp API key, such as 0123…-us10. You find or make one {WHERE_KEYS_ARE}.",
            json_schema_extra={"airbyte_secret": True},
        ),
    ]


class OAuthCredentials(BaseModel):
    """An OAuth 2.0 access token (they do not expire)."""

    model_config = ConfigDict(title="OAuth2.0", hide_input_in_errors=True)

    auth_type: Literal["oauth2.0"] = "oauth2.0"
    client_id: Annotated[
        str | None,
        Field(
            title="Client ID",
            description="The client id of your OAuth application.",
            json_schema_extra={"airbyte_secret": True},
        ),
    ] = None
    client_secret: Annotated[
        str | None,
        Field(
            title="Client Secret",
            description="The client secret of your OAuth application.",
            json_schema_extra={"airbyte_secret": True},
        ),
    ] = None
    access_token: Annotated[
        str,
        Field(
            title="Access Token",
            description="An access token made with that client id and secret.",
            json_schema_extra={"airbyte_secret": True},
        ),
    ]


Credentials = ApiKeyCredentials | OAuthCredentials


def secrets_of(credentials: Credentials) -> list[str]:
    """The values of ``credentials`` that must never be shown, in plain and as sent in the header."""
    if isinstance(credentials, ApiKeyCredentials):
        key = credentials.apikey.strip()
        plain = [credentials.apikey, key, key.rpartition("-")[0]]
    else:
        plain = [value for value in (credentials.access_token, credentials.client_secret) if value]
    return [value for value in plain if value] + [authorization_header(credentials).partition(" ")[2]]


def authorization_header(credentials: Credentials) -> str:
    """The value of the ``Authorization`` header: basic with any user name for a key, bearer for a token."""
    if isinstance(credentials, ApiKeyCredentials):
        return "Basic " + base64.b64encode(f"key:{credentials.apikey}".encode()).decode()
    return f"Bearer {credentials.access_token}"


def data_center_of_key(apikey: str) -> str:
    """``…-us10`` → ``us10``. Raises InvalidApiKey for blanks around the key and for a key without that suffix."""
    if apikey != apikey.strip() or not apikey:
        raise InvalidApiKey(
            "Invalid API Key: there are blanks around it, or it is empty. Copy it again without them.",
            field="credentials.apikey",
        )
    secret, _, suffix = apikey.rpartition("-")
    if not secret or not is_data_center(suffix) or not apikey.isascii() or any(c.isspace() for c in apikey):
        raise InvalidApiKey(
            "Invalid API Key: it must end in a dash and your data center, such as -us10. "
            f"Copy the whole key; you find it {WHERE_KEYS_ARE}.",
            field="credentials.apikey",
        )
    return suffix


def check_token(token: str) -> None:
    """Raises InvalidAccessToken for a token that can't be sent in a header at all."""
    if not token or not token.isascii() or any(c.isspace() for c in token):
        raise InvalidAccessToken(
            "Invalid access token: it is empty, or there are blanks in it. Copy it again without them.",
            field="credentials.access_token",
        )


def is_data_center(value: object) -> bool:
    """Whether ``value`` looks like a data centre's name, such as ``us10``: the key is sent to a host made of it."""
    return isinstance(value, str) and _DATA_CENTER.fullmatch(value) is not None


def api_root(data_center: str) -> str:
    """The root of the Marketing API of a data centre, without a slash at its end. Raises ConfigError."""
    if not is_data_center(data_center):
        raise ConfigError(
            "data_center must be letters and a number, such as us10.",
            field="data_center",
        )
    return f"https://{data_center}.api.mailchimp.com/3.0"


def is_on_this_machine(url: str) -> bool:
    """Whether ``url`` names this machine itself."""
    return (urlsplit(url).hostname or "") in _LOOPBACK


def check_api_url(api_url: str) -> str:
    """Return the origin of a configured ``api_url`` without a slash at its end; it may end in ``/3.0``.

    The key is sent there, so only https will do, or http to this machine itself. Raises ConfigError.
    """
    try:
        parts = urlsplit(api_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    # What is left over is refused: dropping a path, a password or a query in silence would ask somewhere else.
    plain = f"{parts.scheme}://[{host}]" if ":" in host else f"{parts.scheme}://{host}"
    origin = plain if port is None else f"{plain}:{port}"
    if not safe or not _HOST.fullmatch(host) or api_url.lower().rstrip("/").removesuffix("/3.0") != origin:
        raise ConfigError(
            "api_url must be an https address, or http on 127.0.0.1, localhost or ::1, such as "
            "https://us10.api.mailchimp.com, with nothing after the host but a port.",
            field="api_url",
        )
    return origin
