"""The ways a command ends early: drawn as a tree by whose mistake it is.

CommandFailed             ends the command with one ERROR trace; carries Airbyte's failure type
├── UsageError            a person's mistake on the command line or in a file: names the place and the remedy
└── OutputLost            nobody takes the output any more, so the command has failed whatever it did
"""

from __future__ import annotations

from typing import Literal

FailureType = Literal["config_error", "transient_error", "system_error"]


class CommandFailed(Exception):
    """Ends a command. ``message`` is for a person, ``internal`` for the log; neither holds a secret."""

    exit_code = 1

    def __init__(self, message: str, failure_type: FailureType = "system_error", internal: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.failure_type: FailureType = failure_type
        self.internal = internal or message


class UsageError(CommandFailed):
    """What was typed, or a file that was named, must change. ``exit_code``: 2 for the command line itself."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message, "config_error")
        self.exit_code = exit_code


class OutputLost(CommandFailed):
    """Standard output can't be written."""
