"""What a person is told when a connection is tried out: a sentence on what is wrong and one on what to do."""

from __future__ import annotations

from mailchimp_api.errors import (
    AnswerTimeout,
    ConnectionFault,
    FailedAtCdn,
    MailchimpError,
    RateLimited,
    RefusedByCdn,
    RequestRefused,
    TransientError,
    UnreadableAnswer,
)

NO_ANSWER = (
    "Mailchimp did not answer within {seconds:g} seconds. Try again; if it stays so, look at Mailchimp's status page, "
    "and whether a proxy or a firewall holds the requests of this machine back."
)
"""With the ``seconds`` that were waited in all."""


def explain(error: MailchimpError) -> str:
    """The sentences for ``error``, as raised after the few retries that a trial has."""
    if isinstance(error, (RefusedByCdn, FailedAtCdn)):
        down = ", or Mailchimp behind it is down" if isinstance(error, FailedAtCdn) else ""
        return (
            "The network in front of Mailchimp answers this machine's requests itself: it does not trust the address "
            f"that they come from, or there were too many of them{down}. The key has not been looked at. Try from "
            "another network, without a VPN or proxy; if it stays so, ask Mailchimp's support to unblock your address, "
            f"and name the reference number, or the time of this check. ({error})"
        )
    if isinstance(error, RateLimited):
        return (
            "Mailchimp answers that too many requests are made at once: other programs use the account's ten "
            f"connections. Try again when they are done. ({error})"
        )
    if isinstance(error, (AnswerTimeout, ConnectionFault)):
        return (
            f"Mailchimp could not be reached in time: {error} Try again; if it stays so, see whether a proxy or a "
            "firewall holds the requests of this machine back."
        )
    if isinstance(error, UnreadableAnswer):
        return (
            f"What answered does not speak like Mailchimp: {error} A proxy or a sign-in page in between may have "
            "answered instead: see whether this machine reaches *.api.mailchimp.com directly."
        )
    if isinstance(error, TransientError):
        return f"Mailchimp itself failed: {error} Try again in a while."
    if isinstance(error, RequestRefused):
        return f"Mailchimp refuses what the check asks for: {error}"
    return str(error)
