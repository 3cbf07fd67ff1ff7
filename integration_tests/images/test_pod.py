"""Every job of Airbyte's platform again, with the images: uid 1000, no capability, folders that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integration_tests.harness.pod import ImagePod
from integration_tests.platform.test_pod import (  # noqa: F401 - the jobs and what they need, run with other connectors
    TestContacts,
    access,
    account,
    lists,
    reading,
    test_every_stream_is_read_as_the_orchestrator_wants_it,
    test_the_short_jobs,
    writing,
)


@pytest.fixture
def pod(tmp_path: Path, image_of: Callable[[str], str]) -> ImagePod:
    """The connectors that are in the images."""
    return ImagePod(tmp_path, image_of)
