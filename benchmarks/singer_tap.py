"""Runs Singer's tap-mailchimp, in its own environment, against another host: it has no option for one.

`python singer_tap.py URL ARGUMENTS…`: requests to `https://*.api.mailchimp.com` go to URL, nothing else is changed.
Imports nothing of this repository, because its environment lacks it.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import requests
from tap_mailchimp import main  # type: ignore[import-not-found]

_HOST = re.compile(r"^https://[^/]*\.api\.mailchimp\.com")
_request = requests.Session.request


def _to_simulator(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    return _request(session, method, _HOST.sub(_url, url), **options)


_url = sys.argv.pop(1)
requests.Session.request = _to_simulator  # type: ignore[assignment,method-assign]
main()
