"""`python -m mailchimp_simulator`: serve a simulated Mailchimp account on loopback."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields

from mailchimp_simulator.contract.times import parse_time
from mailchimp_simulator.server.http import run
from mailchimp_simulator.settings import OpenFacts, Settings

_HELP = {
    "seed": "another seed, another account",
    "contacts": "contacts of all audiences together",
    "audiences": "audiences; of three or more the last is empty",
    "campaigns": "campaigns, drafts and automation emails included",
    "recipients": "recipients of each sent campaign",
    "rows": "exactly so many rows per parent in every collection that is nobody's parent, and in members",
    "import_size": "how many contacts of an audience carry the same second",
    "connection_limit": "simultaneous connections; beyond: 429",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="mailchimp_simulator", description=__doc__)
    made.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--now", help="where the clock starts: ISO 8601, or seconds since 1970")
    made.add_argument("--no-gzip", action="store_true", help="never compress")
    made.add_argument("--all-sent", action="store_true", help="no drafts")
    made.add_argument("--plain", action="store_true", help="campaigns are all regular, sent and active")
    for field in fields(Settings):
        if isinstance(field.default, int | str) and not isinstance(field.default, bool) and field.name != "now":
            name = f"--{field.name.replace('_', '-')}"
            made.add_argument(name, type=type(field.default), default=field.default, help=_HELP.get(field.name))
    made.add_argument("--rows", type=int, help=_HELP["rows"])
    made.add_argument("--fact", action="append", default=[], metavar="NAME=VALUE", help="a reading of an open fact")
    return made


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Settings from the command line."""
    known = {field.name for field in fields(Settings)} - {"facts", "now", "gzip"}
    chosen = {name: value for name, value in vars(arguments).items() if name in known}
    now = arguments.now
    if now is not None:
        now = int(now) if now.isdigit() else parse_time(now)
    facts = OpenFacts()
    kinds = {field.name: field.default for field in fields(OpenFacts)}
    for text in arguments.fact:
        name, _, value = text.partition("=")
        if name not in kinds or kinds[name] is MISSING:
            raise SystemExit(f"no such fact: {name}; there are {sorted(kinds)}")
        setattr(facts, name, value.lower() in ("yes", "true", "1") if isinstance(kinds[name], bool) else value)
    return Settings(**chosen, now=now, gzip=not arguments.no_gzip, facts=facts)


def main() -> None:
    """Serve."""
    arguments = parser().parse_args()
    run(settings_of(arguments), arguments.host, arguments.port)


if __name__ == "__main__":
    main()
