"""From credentials to a place to send requests to, and the proof that both work."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests

from mailchimp_api.credentials import (
    ApiKeyCredentials,
    Credentials,
    api_root,
    authorization_header,
    check_api_url,
    check_token,
    data_center_of_key,
    secrets_of,
)
from mailchimp_api.errors import ConnectionFault, HostUnreachable, InvalidAccessToken, UnreadableAnswer
from mailchimp_api.masking import register_secrets

LOGIN_HOST = "https://login.mailchimp.com"
_TIMEOUT = (10.0, 30.0)


@dataclass(frozen=True)
class Access:
    """Where the account's API is (``root``, no slash at its end) and the ``Authorization`` header for it."""

    root: str
    authorization: str

    def __repr__(self) -> str:
        return f"Access(root={self.root!r}, authorization='***')"


def open_access(credentials: Credentials, *, data_center: str | None = None, api_url: str | None = None) -> Access:
    """Find the host for ``credentials``; registers their secrets for masking.

    The API key's suffix names the data centre; for an OAuth token Mailchimp's metadata endpoint is asked,
    unless ``data_center`` is given. ``api_url`` (https, or http on this machine) replaces both hosts.
    Raises the ConfigErrors of ``credentials``, InvalidAccessToken, HostUnreachable, ConnectionFault.
    """
    register_secrets(secrets_of(credentials))
    origin = check_api_url(api_url) if api_url else None
    if isinstance(credentials, ApiKeyCredentials):
        data_center = data_center_of_key(credentials.apikey)
    else:
        check_token(credentials.access_token)
        data_center = data_center or _data_center_of_token(credentials.access_token, origin or LOGIN_HOST)
    root = f"{origin}/3.0" if origin else api_root(data_center)
    if not origin:
        _check_host(root, data_center, credentials)
    return Access(root, authorization_header(credentials))


def _data_center_of_token(token: str, login_origin: str) -> str:
    try:
        response = requests.get(
            f"{login_origin}/oauth2/metadata", auth=_TokenAuth(token), timeout=_TIMEOUT, allow_redirects=False
        )
    except requests.exceptions.RequestException as error:
        raise ConnectionFault(f"Mailchimp's login host did not answer ({type(error).__name__})") from None
    try:
        body: Any = response.json()
    except requests.exceptions.JSONDecodeError:
        raise UnreadableAnswer(
            f"Mailchimp's login host answered {response.status_code} without JSON",
            status=response.status_code,
        ) from None
    # A bad token is answered with status 200 and {"error": "invalid_token"}.
    if not isinstance(body, dict) or "error" in body or not isinstance(body.get("dc"), str):
        raise InvalidAccessToken(
            "Invalid access token: Mailchimp does not accept it. It may have been revoked; authorise again.",
            field="credentials.access_token",
        )
    return str(body["dc"])


class _TokenAuth(requests.auth.AuthBase):
    """The metadata endpoint wants ``OAuth TOKEN``, unlike the API itself (``Bearer TOKEN``)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"OAuth {self._token}"
        return request


def _check_host(root: str, data_center: str, credentials: Credentials) -> None:
    """A mistyped data centre shows as a name that does not resolve: say so, rather than retry for minutes."""
    host = urlsplit(root).hostname or ""
    if requests.utils.should_bypass_proxies(root, no_proxy=None) or not getproxies():
        try:
            socket.getaddrinfo(host, 443)
        except socket.gaierror as error:
            if error.errno != socket.EAI_NONAME:
                return  # the name service is down: the request's own retries deal with it
            field = "credentials.apikey" if isinstance(credentials, ApiKeyCredentials) else "data_center"
            raise HostUnreachable(
                f"The host {host} can't be found. Check the ending of the key ({data_center}), "
                "and that this machine reaches the internet.",
                field=field,
            ) from None
