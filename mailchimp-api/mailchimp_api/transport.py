"""Sends one request and brings back one whole answer, or an error that says how it failed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3

from mailchimp_api.answers import MAX_BODY, Answer
from mailchimp_api.credentials import is_on_this_machine
from mailchimp_api.deadline import DeadlineAdapter, deadline
from mailchimp_api.errors import (
    AnswerTimeout,
    AnswerTooLarge,
    CertificatesUnreadable,
    ConfigError,
    ConnectionFault,
    HostUnreachable,
    MailchimpError,
    UnreadableAnswer,
)
from mailchimp_api.limiter import SERVER_CUTOFF_SECONDS

_CHUNK = 65_536


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, of silence before an answer or in the middle of one, and for the whole of a request.

    ``read`` outlasts the server's own cut-off, so a request we give up holds no connection there. ``whole`` ends an
    answer that trickles in: what the server has sent by its cut-off is here a minute later.
    """

    connect: float = 10.0
    read: float = SERVER_CUTOFF_SECONDS + 5.0
    whole: float = SERVER_CUTOFF_SECONDS + 60.0


class Transport:
    """Pooled connections to one origin, for any number of threads, at most ``connections`` of which send at a time.

    ``authorization`` is the header's value. Proxies and certificates are taken from the environment, once;
    no proxy lies between this machine and itself.
    """

    def __init__(
        self, origin: str, authorization: str, *, connections: int, user_agent: str, timeouts: Timeouts
    ) -> None:
        self._origin = origin
        self._timeouts = timeouts
        # Prepared here rather than merged by the session for every request: that costs more than all the rest of it.
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": authorization,
            "User-Agent": user_agent,
        }
        self._session = session = _Session()
        settings = session.merge_environment_settings(f"{origin}/", {}, stream=False, verify=None, cert=None)
        self._proxies = {} if is_on_this_machine(origin) else settings["proxies"]
        self._verify = settings["verify"]
        self._unusable = _wrong_with(self._verify) if origin.startswith("https") else None
        # The CDN sets cookies with every answer. None is sent back, so none is kept.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            session.mount(scheme, DeadlineAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0))

    def send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        data: bytes | None,
        call: str,
        *,
        language: str | None = None,
    ) -> Answer:
        """Make one request. ``call`` names it in errors, as ``GET /lists``. Redirects are not followed.

        ``language`` is sent as ``Accept-Language``.

        Raises ConnectionFault, AnswerTimeout, AnswerTooLarge, UnreadableAnswer, and ConfigErrors:
        CertificatesUnreadable, and HostUnreachable where the host's certificate is not trusted.
        """
        if self._unusable is not None:
            raise CertificatesUnreadable(self._unusable, field="REQUESTS_CA_BUNDLE")
        try:
            with deadline(self._timeouts.whole):
                return self._exchange(method, path, query, data, call, language)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as fault:
            error = self._error_of(fault, call)
        # Raised out here, so that no chain keeps the URL, with what is in it, for whoever prints tracebacks.
        raise error

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _exchange(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        data: bytes | None,
        call: str,
        language: str | None,
    ) -> Answer:
        url = f"{self._origin}/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        if language:
            headers = {**headers, "Accept-Language": language}
        request = requests.PreparedRequest()
        # Without a session's help, so that no .netrc of the machine can replace the Authorization header.
        request.prepare(method, url, headers, data=data)
        response = self._session.send(
            request,
            timeout=(self._timeouts.connect, self._timeouts.read),
            proxies=self._proxies,
            verify=self._verify,
            allow_redirects=False,
            stream=True,
        )
        received = time.monotonic()
        return Answer(response.status_code, response.headers, _body_of(response, call), call, received)

    def _error_of(self, fault: Exception, call: str) -> MailchimpError:
        timeout = urllib3.exceptions.ReadTimeoutError
        if isinstance(fault, (requests.exceptions.ReadTimeout, timeout)) or _holds(fault, timeout):
            # The last is how a time-out in the middle of a body looks: a ConnectionError around urllib3's own.
            silence, whole = self._timeouts.read, self._timeouts.whole
            return AnswerTimeout(
                f"No answer to {call}, or no more of it, for {silence:g} s, or not all of it within {whole:g} s"
            )
        if isinstance(fault, requests.exceptions.ConnectTimeout):
            return ConnectionFault(f"No connection for {call} within {self._timeouts.connect:g} s")
        if isinstance(fault, requests.exceptions.ContentDecodingError):
            return UnreadableAnswer(f"The answer to {call} could not be unpacked")
        if isinstance(fault, requests.exceptions.InvalidProxyURL):
            return HostUnreachable(
                "The proxy's address is not valid. Correct the environment variable HTTPS_PROXY or HTTP_PROXY.",
                field="HTTPS_PROXY",
            )
        root = _innermost(fault)
        if isinstance(root, ssl.SSLCertVerificationError):
            return self._untrusted(root)
        what = root.strerror if isinstance(root, OSError) and root.strerror else type(root).__name__
        if isinstance(fault, requests.exceptions.ProxyError):
            return ConnectionFault(f"The proxy refused {call}, or can't be reached ({what})")
        return ConnectionFault(f"The connection failed or broke during {call} ({what})")

    def _untrusted(self, root: ssl.SSLCertVerificationError) -> ConfigError:
        return HostUnreachable(
            f"The certificate of {self._origin} is not trusted ({root.verify_message}). Where a proxy replaces "
            "certificates, name the file with its own in the environment variable REQUESTS_CA_BUNDLE.",
            field="credentials",
        )


class _Session(requests.Session):
    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[Any]:
        """None: they are not followed, so a ``Location`` that is no URL is nothing to fail on."""
        return iter(())


def _body_of(response: requests.Response, call: str) -> bytes:
    """The body as it came, not unpacked. Raises AnswerTooLarge before it fills the memory."""
    parts: list[bytes] = []
    size = 0
    with response:
        if (length := response.raw.length_remaining) is not None and length <= MAX_BODY:
            whole: bytes = response.raw.read(decode_content=False)
            return whole
        for part in response.raw.stream(_CHUNK, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > MAX_BODY:
                raise AnswerTooLarge(
                    f"Mailchimp answered {response.status_code} to {call} with more than {MAX_BODY:,} bytes",
                    status=response.status_code,
                )
    return b"".join(parts)


def _wrong_with(verify: object) -> str | None:
    """Why the certificates that ``verify`` names can't be used; None if they can, or if it names none."""
    if not isinstance(verify, str):
        return None
    path = Path(verify)
    try:
        if path.is_dir():
            return None  # looked through by OpenSSL when it needs one
        ssl.create_default_context(cafile=verify)
    except ssl.SSLError:
        what = "holds no certificates"
    except OSError as error:
        what = f"can't be read ({error.strerror})"
    else:
        return None
    return (
        f"The file {verify}, which the environment variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names, {what}. "
        "Name a file with certificates in PEM format, or unset the variable."
    )


def _holds(fault: Exception, kind: type[Exception]) -> bool:
    return any(isinstance(item, kind) for item in fault.args)


def _innermost(fault: BaseException) -> BaseException:
    """What the libraries have wrapped: the system's own error, where there is one."""
    inner: BaseException | None = fault
    while inner is not None:
        fault = inner
        inner = fault.__cause__ or fault.__context__
    return fault
