"""The audience as Mailchimp shows it, and the calls that it is asked and changed by."""

from __future__ import annotations
