"""``python -m probes``, which is ``make test-live``."""

from __future__ import annotations

import sys

from probes.run import main

sys.exit(main())
