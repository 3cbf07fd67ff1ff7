"""A command from its arguments to its exit code."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector_cli import messages
from connector_cli.arguments import Command, parse
from connector_cli.errors import CommandFailed, OutputLost
from connector_cli.logs import log_to
from connector_cli.output import Output
from connector_cli.progress import Live, live_line
from connector_cli.signals import EndRequests

logger = logging.getLogger("airbyte.commands")


@dataclass(frozen=True)
class Context:
    """What a command has beside its arguments. ``live``: for a person who watches; ``requests``: see ``on_end``."""

    output: Output
    live: Live | None = None
    requests: EndRequests | None = None

    def on_end(self, stop: Callable[[], None]) -> None:
        """Have ``stop`` called, from another thread, when the process is asked to end."""
        if self.requests:
            self.requests.on_end(stop)


@dataclass(frozen=True)
class Connector:
    """A connector as a program.

    ``run`` carries out a parsed command; what it raises is its failure, which ``failure_of`` translates into what a
    person reads. ``mask`` takes secrets and addresses out of a text. ``long_running``: the names of the commands
    that end in good order when they are asked to; the others just end.
    """

    name: str
    version: str
    about: str
    examples: str
    commands: Sequence[Command]
    run: Callable[[argparse.Namespace, Context], None]
    failure_of: Callable[[Exception], CommandFailed]
    mask: Callable[[str], str]
    long_running: frozenset[str]


def run(
    connector: Connector, args: Sequence[str], output: Output | None = None, requests: EndRequests | None = None
) -> int:
    """Carry out a command line; returns the exit code. A failure ends in an ERROR trace.

    ``--help`` and ``--version`` raise SystemExit, as argparse has it.
    """
    output = output or Output()
    live = live_line()
    log_to(output, mask=connector.mask, echo=live.echo if live else None)
    try:
        try:
            parsed = parse(
                args,
                connector.commands,
                prog=connector.name,
                version=connector.version,
                about=connector.about,
                examples=connector.examples,
            )
            if parsed.command not in connector.long_running:
                live = None
                if requests:
                    requests.release()
            log_to(output, mask=connector.mask, debug=parsed.debug, echo=live.echo if live else None)
            connector.run(parsed, Context(output, live, requests))
            output.flush()
            code = 0
        except OutputLost:
            raise
        except Exception as error:  # noqa: BLE001 - each becomes a trace
            code = _fail(connector, error, output)
            if live:
                live.end()
    except OutputLost as lost:
        print(f"{connector.name}: {lost.message}", file=sys.stderr)  # noqa: T201 - nobody else can be told
        return lost.exit_code
    if output.lost:
        print(f"{connector.name}: {output.lost.message}", file=sys.stderr)  # noqa: T201 - likewise
        return output.lost.exit_code
    return code


def leave(code: int, requests: EndRequests) -> None:
    """End the process: by the signal that asked for it, or else with ``code``.

    At once: a call that hangs in some thread must not hold up a process that has said its last word.
    """
    requests.end_as_asked()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    os._exit(code)


def _fail(connector: Connector, error: Exception, output: Output) -> int:
    """Say what went wrong; returns the exit code."""
    failure = error if isinstance(error, CommandFailed) else connector.failure_of(error)
    stack = ""
    # What was raised in words needs no traceback, unless it came of something else.
    if failure.failure_type != "config_error" and (failure is not error or error.__cause__):
        stack = connector.mask("".join(traceback.format_exception(error)))
        logger.error("%s", stack.rstrip())
    message, internal = connector.mask(failure.message), connector.mask(failure.internal)
    if live_line():
        print(message, file=sys.stderr)  # noqa: T201 - the trace goes elsewhere
    output.emit(messages.error(message, internal, failure.failure_type, stack_trace=stack))
    return failure.exit_code
