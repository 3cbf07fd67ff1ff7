"""The command line.

``write`` does not import Airbyte's kit: that takes two seconds and 50 MB, and the record path uses nothing of it.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from pathlib import Path
from typing import Any

import orjson

from destination_mailchimp.config import read_config
from destination_mailchimp.failures import SyncFailure, failure_of
from destination_mailchimp.input import lines
from destination_mailchimp.output import Output, log_to
from destination_mailchimp.sync import run_sync

logger = logging.getLogger("airbyte.destination_mailchimp")


def parse_args(args: list[str]) -> argparse.Namespace:
    """Read the command line; ends the process with code 2 and the usage if it is not understood."""
    parser = argparse.ArgumentParser(prog="destination-mailchimp")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    commands.add_parser("spec", help="print the options")
    for name, what in (
        ("check", "check that the configuration works"),
        ("discover", "print what a contact of the audience looks like"),
        ("write", "write contacts from standard input"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--config", required=True, help="path to the configuration, JSON")
        if name == "write":
            command.add_argument("--catalog", required=True, help="path to the configured catalog, JSON")
    return parser.parse_args(args)


def run(args: list[str]) -> int:
    """Carry out a command line; returns the exit code. Every failure ends in exactly one ERROR trace."""
    parsed = parse_args(args)
    output = Output()
    log_to(output)
    try:
        if parsed.command == "write":
            # Records come and go by the hundred thousand, and none of them is part of a cycle.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 50, 100)
            catalog = _read(parsed.catalog, "catalog")
            config = read_config(_read(parsed.config, "configuration"))
            return run_sync(config, catalog, lines.lines_of(0), output, own_process=True)
        _run_with_kit(parsed, output)
    except Exception as error:
        logger.exception("The command failed")
        output.trace(failure_of(error), error)
        return 1
    return 0


def main() -> None:
    """The console script."""
    code = run(sys.argv[1:])
    if code:
        # At once: a call that hangs in some thread must not hold up a process that has said its last word.
        sys.stdout.flush()
        os._exit(code)


def _run_with_kit(parsed: argparse.Namespace, output: Output) -> None:
    from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, Type  # noqa: PLC0415 - see above

    from destination_mailchimp.destination import DestinationMailchimp  # noqa: PLC0415 - likewise

    log_to(output)
    destination = DestinationMailchimp()
    if parsed.command == "spec":
        message = AirbyteMessage(type=Type.SPEC, spec=destination.spec(logger))
    elif parsed.command == "check":
        status = destination.check(logger, _read(parsed.config, "configuration"))
        message = AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
    else:
        output.emit(orjson.dumps(destination.discover(_read(parsed.config, "configuration"))))
        return
    output.emit(orjson.dumps(AirbyteMessageSerializer.dump(message)))


def _read(path: str, what: str) -> Any:
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise SyncFailure(f"The file of the {what} can't be read ({error.strerror}).", "system_error") from None
    except orjson.JSONDecodeError:
        raise SyncFailure(f"The file of the {what} is not JSON.", "system_error") from None


if __name__ == "__main__":
    main()
