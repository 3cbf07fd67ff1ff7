"""What a connector said in one run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from integration_tests.harness.messages import Messages

Json = dict[str, Any]


@dataclass
class Run(Messages):
    """A finished run. ``lines``: standard output, a message each; reading one that is none raises NotAMessage."""

    exit_code: int
    lines: list[bytes]
    stderr: str = ""
    seconds: float = 0.0

    def printed(self) -> list[bytes]:
        """Standard output, line by line."""
        return self.lines

    def only(self, kind: str) -> Any:
        """The body of the single message of that type."""
        bodies = self.of(kind)
        assert len(bodies) == 1, f"{len(bodies)} messages of type {kind}\n{self.describe()}"
        return bodies[0]

    @property
    def stdout(self) -> bytes:
        """Standard output as it came."""
        return b"".join(line + b"\n" for line in self.lines)

    @property
    def log(self) -> str:
        """All log messages, a line each."""
        return "\n".join(self.logs())

    @cached_property
    def output(self) -> str:
        """Standard output and standard error as text, for searches."""
        return b"\n".join(self.lines).decode(errors="replace") + "\n" + self.stderr

    def describe(self) -> str:
        """What a person needs to see when the run was not as expected: no records."""
        shown = [line for line in self.lines if not line.startswith(b'{"type":"RECORD"')]
        tail = b"\n".join(shown[-20:]).decode(errors="replace")
        return f"exit code {self.exit_code} after {self.seconds:.1f} s\n{tail}\n{self.stderr[-3000:]}"

    def succeeded(self) -> Run:
        """The run itself; AssertionError if it ended with anything but 0."""
        assert self.exit_code == 0, self.describe()
        return self

    def before_last_state(self, stream: str) -> tuple[list[Json], list[Json]]:
        """The stream's records up to its last state, which are safe, and those after it, which may come again."""
        safe: list[Json] = []
        pending: list[Json] = []
        for message in self.messages:
            if message["type"] == "RECORD" and message["record"]["stream"] == stream:
                pending.append(message["record"]["data"])
            elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream:
                safe, pending = safe + pending, []
        return safe, pending
