"""Everything that is shown goes through here: no key, address or contact's hash gets past it."""

from __future__ import annotations

import sys

from mailchimp_api.masking import mask


def say(text: str = "") -> None:
    """Print a line, masked, at once: whoever watches a run of hours wants to see where it is."""
    sys.stdout.write(mask(text) + "\n")
    sys.stdout.flush()
