"""From credentials to a place to send requests to."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from mailchimp_api.answers import error_of, read_json, refused_token
from mailchimp_api.credentials import (
    ApiKeyCredentials,
    Credentials,
    api_root,
    authorization_header,
    check_api_url,
    check_token,
    data_center_of_key,
    is_data_center,
    secrets_of,
)
from mailchimp_api.errors import ConnectionFault, HostUnreachable, TransientError, UnreadableAnswer
from mailchimp_api.masking import register_secrets
from mailchimp_api.retries import RetryPolicy, retrying
from mailchimp_api.transport import Timeouts, Transport

LOGIN_HOST = "https://login.mailchimp.com"
_TIMEOUTS = Timeouts(connect=10.0, read=30.0)
_RETRY = RetryPolicy(attempts=4, seconds=60.0, longest_wait=10.0)
# What a name that does not exist gives; a name service that is down gives EAI_AGAIN.
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


@dataclass(frozen=True)
class Access:
    """Where the account's API is (``root``, no slash at its end) and the ``Authorization`` header for it.

    ``host_field``: the option that the host comes from, for errors about it.
    """

    root: str
    authorization: str
    host_field: str = "credentials"

    @property
    def field(self) -> str:
        """The option that holds the key or the token, for errors about it."""
        bearer = self.authorization.startswith("Bearer ")
        return "credentials.access_token" if bearer else "credentials.apikey"

    def __repr__(self) -> str:
        return f"Access(root={self.root!r}, authorization='***')"


def open_access(
    credentials: Credentials,
    *,
    data_center: str | None = None,
    api_url: str | None = None,
    retry: RetryPolicy | None = None,
) -> Access:
    """Find the host for ``credentials``; registers their secrets for masking.

    The API key's suffix names the data centre; for an OAuth token Mailchimp's metadata endpoint is asked
    (again as ``retry`` says), unless ``data_center`` is given. ``api_url`` (https, or http on this machine)
    replaces both hosts. Raises ConfigErrors (InvalidApiKey, InvalidAccessToken, HostUnreachable, and for
    ``data_center`` and ``api_url`` the base class), and the TransientErrors of a login host that fails.
    """
    register_secrets(secrets_of(credentials))
    origin = check_api_url(api_url) if api_url else None
    if isinstance(credentials, ApiKeyCredentials):
        data_center = data_center_of_key(credentials.apikey)
        remedy = f"Check the ending of the API key ({data_center})"
        field = "credentials.apikey"
    else:
        check_token(credentials.access_token)
        if not data_center:
            data_center = _data_center_of_token(credentials.access_token, origin or LOGIN_HOST, retry or _RETRY)
        remedy = f"Check data_center ({data_center})"
        field = "data_center"
    root = api_root(data_center)
    if origin:
        return Access(f"{origin}/3.0", authorization_header(credentials), host_field="api_url")
    _check_host(root, remedy, field)
    return Access(root, authorization_header(credentials))


def _data_center_of_token(token: str, login_origin: str, retry: RetryPolicy) -> str:
    # This endpoint wants "OAuth TOKEN", unlike the API itself ("Bearer TOKEN").
    transport = Transport(login_origin, f"OAuth {token}", connections=1, user_agent="mailchimp-api", timeouts=_TIMEOUTS)
    call = "GET /oauth2/metadata"

    def ask() -> str:
        answer = transport.send("GET", "oauth2/metadata", None, None, call)
        if not answer.ok:
            error = error_of(answer, field="credentials.access_token")
            raise error if isinstance(error, TransientError) else refused_token(answer.request_id)
        body = read_json(answer)
        # A bad token is answered with status 200 and {"error": "invalid_token"}.
        if "error" in body:
            raise refused_token(answer.request_id)
        if not is_data_center(body.get("dc")):
            raise UnreadableAnswer(f"{login_origin} names no data center", status=answer.status)
        return str(body["dc"])

    try:
        return str(retrying(retry)(ask))
    except ConnectionFault as fault:
        error = HostUnreachable(
            f"Mailchimp's login host {login_origin}, which knows the token's data center, can't be reached: {fault}. "
            "Check that this machine reaches it, through a proxy if it needs one, or set data_center.",
            field="credentials.access_token",
        )
    finally:
        transport.close()
    raise error


def _check_host(root: str, remedy: str, field: str) -> None:
    """A mistyped data centre shows as a name that does not resolve: say so, rather than retry for minutes."""
    if requests.utils.select_proxy(root, requests.utils.get_environ_proxies(root)):
        return  # then the proxy looks it up
    host = urlsplit(root).hostname or ""
    try:
        socket.getaddrinfo(host, 443)
    except socket.gaierror as error:
        if error.errno not in _NO_SUCH_NAME:
            return  # the name service is down: the request's own retries deal with it
        raise HostUnreachable(
            f"The host {host} can't be found. {remedy}, and that this machine reaches the internet.",
            field=field,
        ) from None
