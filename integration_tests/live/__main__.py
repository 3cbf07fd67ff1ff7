"""``python -m live``, which is ``make test-live``."""

from __future__ import annotations

import sys

from live.run import main

sys.exit(main())
