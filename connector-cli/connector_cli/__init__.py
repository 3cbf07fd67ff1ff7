"""What Airbyte connectors share as commands, whatever they connect: it knows Airbyte's protocol and nothing else.

``arguments`` the command line, ``files`` and ``catalogs`` what its options name, ``output`` and ``messages`` what goes
out, ``logs`` logging as messages, ``signals`` an orderly end, ``progress`` what a long run says of itself, and
``commands`` a command from its first line to its exit code.
"""

from __future__ import annotations
