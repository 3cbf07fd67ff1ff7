"""The command line: ``destination-mailchimp spec | check | discover | write``."""

from __future__ import annotations

import sys

from connector_cli.signals import EndRequests


def main() -> None:
    """Run one command of the connector with the process's arguments, and end the process."""
    # Before anything else is imported, so that no moment is left in which a signal gets lost (see EndRequests).
    requests = EndRequests()

    from connector_cli import commands  # noqa: PLC0415 - see above
    from destination_mailchimp.commands import CONNECTOR  # noqa: PLC0415 - likewise

    commands.leave(commands.run(CONNECTOR, sys.argv[1:], requests=requests), requests)


if __name__ == "__main__":
    main()
