"""Answers of Mailchimp and its CDN: those that may pass, and those that are final."""

from __future__ import annotations

from typing import Any

import requests

from mailchimp_api import errors
from mailchimp_api.members import subscriber_hash

ROOT = "https://us10.api.mailchimp.com/3.0"
LISTS = f"{ROOT}/lists"
PROBLEM = {"Content-Type": "application/problem+json; charset=utf-8", "X-Request-Id": "req-1"}
ROWS = {"lists": [{"id": "a1"}], "total_items": 1}
ADDRESS = "jane@example.com"
MEMBER = f"lists/a1/members/{subscriber_hash(ADDRESS)}"
HTML = "<html><body>Access denied</body></html>"


def akamai(status: int) -> dict[str, Any]:
    """As the network in front of Mailchimp answers for it, without asking it (mailchimp-for-wordpress#573)."""
    reference = "Reference Number: 00.54f2f33f.1529514177.af3649e"
    body = {"type": "akamai_error_message", "title": f"akamai_{status}", "status": status, "ref_no": reference}
    return {"status_code": status, "headers": {"Content-Type": "application/json"}, "json": body}


def problem(status: int, title: str, detail: str = "", **more: object) -> dict[str, Any]:
    """An error as the API itself answers it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "i"}
    return {"status_code": status, "headers": PROBLEM, "json": {**body, **more}}


TRANSIENT: dict[str, tuple[dict[str, Any], type[errors.TransientError]]] = {
    "429 problem+json": (problem(429, "Too Many Requests"), errors.RateLimited),
    "429 without a body": ({"status_code": 429}, errors.RateLimited),
    "403 HTML": ({"status_code": 403, "text": HTML, "headers": {"Content-Type": "text/html"}}, errors.RefusedByCdn),
    "403 HTML that can't be unpacked": (
        {"status_code": 403, "text": HTML, "headers": {"Content-Type": "text/html", "Content-Encoding": "gzip"}},
        errors.RefusedByCdn,
    ),
    "403 of Akamai's": (akamai(403), errors.RefusedByCdn),
    "503 of Akamai's": (akamai(503), errors.FailedAtCdn),
    "403 without a body": ({"status_code": 403}, errors.RateLimited),
    "403 JSON that is not a problem": ({"status_code": 403, "json": {"title": "Forbidden"}}, errors.RateLimited),
    "403 problem+json cut short": ({"status_code": 403, "headers": PROBLEM, "text": '{"ti'}, errors.RateLimited),
    "403 that says too many": (problem(403, "Too Many Requests"), errors.RateLimited),
    "500 problem+json": (problem(500, "InternalServerError"), errors.ServerFault),
    "502 HTML": ({"status_code": 502, "text": HTML}, errors.ServerFault),
    "503 without a body": ({"status_code": 503}, errors.ServerFault),
    "504 HTML": ({"status_code": 504, "text": HTML}, errors.AnswerTimeout),
    "408": ({"status_code": 408}, errors.AnswerTimeout),
    "404 HTML": ({"status_code": 404, "text": HTML}, errors.ServerFault),
    "401 HTML": ({"status_code": 401, "text": HTML}, errors.ServerFault),
    "a redirect": ({"status_code": 302, "headers": {"Location": "https://example.com/"}}, errors.ServerFault),
    "a redirect to nowhere": ({"status_code": 302, "headers": {"Location": "//\xff["}}, errors.ServerFault),
    "a redirect to no URL": ({"status_code": 302, "headers": {"Location": "http://[::1"}}, errors.ServerFault),
    "HTML with 200": ({"text": HTML, "headers": {"Content-Type": "text/html"}}, errors.UnreadableAnswer),
    "an empty body with 200": ({"text": ""}, errors.UnreadableAnswer),
    "a truncated body": ({"text": '{"lists": [{"id": "a1"'}, errors.UnreadableAnswer),
    "bytes that are not UTF-8": ({"content": b'{"lists": ["\xff"]}'}, errors.UnreadableAnswer),
    "a JSON list": ({"json": []}, errors.UnreadableAnswer),
    "JSON null": ({"json": None}, errors.UnreadableAnswer),
    "a number": ({"json": 1}, errors.UnreadableAnswer),
    "an object without the rows": ({"json": {"total_items": 1}}, errors.UnreadableAnswer),
    "rows that are not a list": ({"json": {"lists": {}, "total_items": 1}}, errors.UnreadableAnswer),
    "rows that are null": ({"json": {"lists": None, "total_items": 1}}, errors.UnreadableAnswer),
    "a row that is null": ({"json": {"lists": [{"id": "a1"}, None], "total_items": 2}}, errors.UnreadableAnswer),
    "a row that is a text": ({"json": {"lists": ["a1"], "total_items": 1}}, errors.UnreadableAnswer),
    "204 to a GET": ({"status_code": 204}, errors.UnreadableAnswer),
    "no answer in time": ({"exc": requests.exceptions.ReadTimeout}, errors.AnswerTimeout),
    "no connection in time": ({"exc": requests.exceptions.ConnectTimeout}, errors.ConnectionFault),
    "a broken connection": ({"exc": requests.exceptions.ConnectionError}, errors.ConnectionFault),
    "a proxy out of order": ({"exc": requests.exceptions.ProxyError}, errors.ConnectionFault),
    "a body that does not unpack": ({"exc": requests.exceptions.ContentDecodingError}, errors.UnreadableAnswer),
}
FINAL: dict[str, tuple[dict[str, Any], type[errors.MailchimpError]]] = {
    "401": (problem(401, "API Key Invalid"), errors.InvalidApiKey),
    "403 of a disabled user": (problem(403, "User Disabled"), errors.UserDisabled),
    "403 problem+json": (problem(403, "Forbidden"), errors.ResourceRefused),
    "403 problem+json of a role": (problem(403, "User action not permitted"), errors.ResourceRefused),
    "404": (problem(404, "Resource Not Found"), errors.ResourceGone),
    "400": (problem(400, "Invalid Resource"), errors.RequestRefused),
    "405": (problem(405, "Method Not Allowed"), errors.RequestRefused),
}
