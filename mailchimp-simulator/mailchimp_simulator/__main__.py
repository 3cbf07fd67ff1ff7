"""Serve a simulated Mailchimp account on loopback, until Ctrl-C. One line of JSON says where it listens."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import version

from mailchimp_simulator.contract.times import parse_time
from mailchimp_simulator.server.http import run
from mailchimp_simulator.settings import OpenFacts, Settings

_SIZES = {
    "contacts": "of all audiences together, archived ones included",
    "audiences": "of three or more the last is empty",
    "campaigns": "drafts and emails of automations included",
    "recipients": "of each sent campaign",
    "stores": "each with products, orders, carts and customers",
    "products": "of each store",
    "orders": "of each store",
    "templates": "",
    "automations": "classic ones; each has two emails",
    "conversations": "",
    "messages": "of each conversation",
    "segments": "of each audience, tags included",
    "import_size": "contacts of each audience that changed in one and the same second; a quarter of them at most",
}
_DEFAULTS = Settings()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="mailchimp-simulator", description=__doc__, epilog="The README tells the rest.")
    made.add_argument("--version", action="version", version=f"%(prog)s {version('mailchimp-simulator')}")
    made.add_argument("--port", type=int, default=0, metavar="N", help="0 (default): any free one")
    made.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")

    account = made.add_argument_group("the account")
    account.add_argument("--seed", type=int, default=_DEFAULTS.seed, metavar="N", help="another seed, other people")
    account.add_argument("--now", type=_time, metavar="TIME", help="the clock's start: ISO 8601, or seconds since 1970")
    for name, words in _SIZES.items():
        default = getattr(_DEFAULTS, name)
        words = ", ".join(part for part in (words, f"default {default}") if part)  # noqa: PLW2901
        account.add_argument(_option(name), type=_count, default=default, metavar="N", help=words)
    words = "exactly N rows per parent in every collection that is nobody's parent, and in members"
    account.add_argument("--rows", type=_count, metavar="N", help=words)
    account.add_argument("--all-sent", action="store_true", help="no drafts")
    account.add_argument("--plain", action="store_true", help="campaigns are all regular, sent and active")

    service = made.add_argument_group("the service")
    for name in ("api_key", "oauth_token"):
        words = f"default: {getattr(_DEFAULTS, name)}"
        service.add_argument(_option(name), default=getattr(_DEFAULTS, name), metavar="TEXT", help=words)
    limit = _DEFAULTS.connection_limit
    words = f"connections at once; beyond: 429 (default: {limit})"
    service.add_argument("--connection-limit", type=_count, default=limit, metavar="N", help=words)
    service.add_argument("--no-gzip", action="store_true", help="never compress")
    words = "a reading of an open fact, such as tie_order=shuffled; may be repeated"
    service.add_argument("--fact", action="append", default=[], metavar="NAME=VALUE", help=words)
    return made


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a whole number of 0 or more: {text}")
    return int(text)


def _time(text: str) -> int:
    try:
        return int(text) if text.isdigit() else parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Settings from the command line. Raises ValueError for a fact or a reading that there isn't."""
    names = {field.name for field in fields(Settings)} - {"facts", "gzip"}
    chosen = {name: value for name, value in vars(arguments).items() if name in names}
    facts = OpenFacts()
    for text in arguments.fact:
        name, _, reading = text.partition("=")
        facts.choose(name, reading)
    return Settings(**chosen, gzip=not arguments.no_gzip, facts=facts)


def main() -> None:
    """Serve until Ctrl-C or SIGTERM. What can't be done is said in a line, with exit code 2."""
    made = parser()
    arguments = made.parse_args()
    try:
        with suppress(KeyboardInterrupt):
            run(settings_of(arguments), arguments.host, arguments.port)
    except (OSError, ValueError) as error:
        made.exit(2, f"{made.prog}: {error}\n")


if __name__ == "__main__":
    main()
