"""A connector for the tests of ``signals`` and ``commands``: run as a process of its own.

``read`` says that it is ready, then does what FAULT says until it is asked to end.
"""

from __future__ import annotations

import sys
import threading

from connector_cli.signals import EndRequests

REQUESTS = EndRequests() if __name__ == "__main__" else None

import argparse  # noqa: E402 - after the signals, as every connector has it

from connector_cli import commands, messages  # noqa: E402
from connector_cli.arguments import Command  # noqa: E402
from connector_cli.errors import CommandFailed  # noqa: E402

SECRET = "hush-hush"


def run(parsed: argparse.Namespace, context: commands.Context) -> None:
    """Carry out the command."""
    if parsed.command == "spec":
        context.output.emit(b'{"type":"SPEC","spec":{}}')
        return
    if parsed.command == "check":
        context.output.emit(messages.log("INFO", "ready"))
        threading.Event().wait(60)
    if parsed.config == "fail":
        raise KeyError(SECRET)
    stopped = threading.Event()
    if parsed.config != "deaf":
        context.on_end(stopped.set)
    context.output.emit(messages.log("INFO", "ready"))
    if parsed.config == "flood":
        while not stopped.is_set():
            context.output.add(b"x" * 1000 + b"\n")
    if parsed.config == "hang":
        context.on_end(lambda: None)
        threading.Event().wait(60)
    stopped.wait(60)
    context.output.emit(messages.log("INFO", "last words"))


CONNECTOR = commands.Connector(
    name="source-test",
    version="1.2.3",
    about="For tests.",
    examples="examples:\n  source-test read --config config.json",
    commands=[
        Command("spec", "print the options"),
        Command("check", "hang", needs=("config",)),
        Command("read", "read records", needs=("config",)),
    ],
    run=run,
    failure_of=lambda error: CommandFailed("Something broke.", internal=f"{type(error).__name__}: {error}"),
    mask=lambda text: text.replace(SECRET, "***"),
    long_running=frozenset({"read"}),
)


if __name__ == "__main__":
    assert REQUESTS
    commands.leave(commands.run(CONNECTOR, sys.argv[1:], requests=REQUESTS), REQUESTS)
