"""Sends one request and brings back one whole answer, or an error that says how it failed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter

from mailchimp_api.answers import Answer
from mailchimp_api.errors import AnswerTimeout, ConnectionFault, HostUnreachable, MailchimpError, UnreadableAnswer
from mailchimp_api.limiter import SERVER_CUTOFF_SECONDS


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, and of silence before an answer or in the middle of one.

    ``read`` outlasts the server's own cut-off, so a request we give up holds no connection there.
    That cut-off is also what ends an answer that trickles in.
    """

    connect: float = 10.0
    read: float = SERVER_CUTOFF_SECONDS + 5.0


class Transport:
    """Pooled connections to one origin, for any number of threads, at most ``connections`` of which send at a time.

    ``authorization`` is the header's value. Proxies and certificates are taken from the environment, once.
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
        self._session = session = requests.Session()
        settings = session.merge_environment_settings(f"{origin}/", {}, stream=False, verify=None, cert=None)
        self._proxies, self._verify = settings["proxies"], settings["verify"]
        # The CDN sets cookies with every answer. None is sent back, so none is kept.
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0))

    def send(self, method: str, path: str, query: dict[str, str] | None, data: bytes | None, call: str) -> Answer:
        """Make one request. ``call`` names it in errors, as ``GET /lists``. Redirects are not followed.

        Raises ConnectionFault, AnswerTimeout, UnreadableAnswer (a body that does not unpack), and HostUnreachable
        where the host's certificate is not trusted.
        """
        try:
            return self._exchange(method, path, query, data)
        # UnicodeError: a header that names no host (a redirect's) is decoded by requests.
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as fault:
            error = self._error_of(fault, call)
        # Raised out here, so that no chain keeps the URL, with what is in it, for whoever prints tracebacks.
        raise error

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _exchange(self, method: str, path: str, query: dict[str, str] | None, data: bytes | None) -> Answer:
        url = f"{self._origin}/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        request = requests.PreparedRequest()
        # Without a session's help, so that no .netrc of the machine can replace the Authorization header.
        request.prepare(method, url, headers, data=data)
        response = self._session.send(
            request,
            timeout=(self._timeouts.connect, self._timeouts.read),
            proxies=self._proxies,
            verify=self._verify,
            allow_redirects=False,
        )
        return Answer(response.status_code, response.headers, response.content)

    def _error_of(self, fault: Exception, call: str) -> MailchimpError:
        if isinstance(fault, requests.exceptions.ReadTimeout) or _holds(fault, urllib3.exceptions.ReadTimeoutError):
            # The second is how a time-out in the middle of a body looks: a ConnectionError around urllib3's own.
            return AnswerTimeout(f"No answer to {call}, or no more of it, for {self._timeouts.read:g} s")
        if isinstance(fault, requests.exceptions.ConnectTimeout):
            return ConnectionFault(f"No connection for {call} within {self._timeouts.connect:g} s")
        if isinstance(fault, requests.exceptions.ContentDecodingError):
            return UnreadableAnswer(f"The answer to {call} could not be unpacked")
        root = _innermost(fault)
        if isinstance(root, ssl.SSLCertVerificationError):
            return HostUnreachable(
                f"The certificate of {self._origin} is not trusted ({root.verify_message}). Where a proxy replaces "
                "certificates, name the file with its own in the environment variable REQUESTS_CA_BUNDLE.",
                field="credentials",
            )
        what = root.strerror if isinstance(root, OSError) and root.strerror else type(root).__name__
        if isinstance(fault, requests.exceptions.ProxyError):
            return ConnectionFault(f"The proxy refused {call}, or can't be reached ({what})")
        return ConnectionFault(f"The connection failed or broke during {call} ({what})")


def _holds(fault: Exception, kind: type[Exception]) -> bool:
    return any(isinstance(item, kind) for item in fault.args)


def _innermost(fault: BaseException) -> BaseException:
    """What the libraries have wrapped: the system's own error, where there is one."""
    inner: BaseException | None = fault
    while inner is not None:
        fault = inner
        inner = fault.__cause__ or fault.__context__
    return fault
