"""The command line of a connector."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from connector_cli.errors import UsageError

_OPTIONS = {
    "config": "the configuration, a JSON file",
    "catalog": "the streams, a JSON file: a configured catalog, the output of discover, or a list of names",
    "streams": "names of streams, separated by commas, or '*' for all, instead of --catalog",
    "state": "where to go on from, a JSON file: a list of states, or the output of an earlier read",
}


@dataclass(frozen=True)
class Command:
    """One command: its ``name``, what it does in a few words, and the options it needs and those it may have.

    An entry of ``needs`` such as ``catalog|streams`` is a choice of one. ``helps``: what ``--help`` says of options,
    where that is special to this command.
    """

    name: str
    what: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    helps: Mapping[str, str] = field(default_factory=dict)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. {self.prog} --help tells more.", exit_code=2)


def parse(
    args: Sequence[str], commands: Sequence[Command], *, prog: str, version: str, about: str, examples: str
) -> argparse.Namespace:
    """Read the command line: ``command``, ``debug`` and the command's options, None where they are not given.

    Raises UsageError (exit code 2) if it isn't understood. ``--help`` and ``--version`` print and end the process.
    """
    parser = _Parser(
        prog=prog, description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"{prog} {version}")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command in commands:
        sub = subparsers.add_parser(
            command.name,
            help=command.what,
            description=f"{command.what[:1].upper()}{command.what[1:]}.",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        helps = {**_OPTIONS, **command.helps}
        for need in command.needs:
            names = need.split("|")
            if len(names) == 1:
                sub.add_argument(f"--{need}", required=True, metavar="FILE", help=helps[need])
                continue
            group = sub.add_mutually_exclusive_group(required=True)
            for name in names:
                group.add_argument(f"--{name}", metavar="NAMES" if name == "streams" else "FILE", help=helps[name])
        for name in command.takes:
            sub.add_argument(f"--{name}", metavar="FILE", help=helps[name])
        sub.add_argument("--debug", action="store_true", help="log more")
    parsed, rest = parser.parse_known_args(list(args))
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}{_separated(getattr(parsed, 'streams', None), rest)}")
    if not parsed.command:
        parser.error(f"there is no command; give one of {', '.join(command.name for command in commands)}")
    return parsed


def _separated(streams: str | None, rest: Sequence[str]) -> str:
    """What to say if ``rest`` looks like names that belong to ``--streams``."""
    if streams is None or any(argument.startswith("-") for argument in rest):
        return ""
    names = [name for argument in [streams, *rest] for name in argument.split(",") if name]
    return f"; separate names by commas: --streams {','.join(names)}"
