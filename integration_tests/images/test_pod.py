"""Every job of Airbyte's platform again, with the images: uid 1000, no capability, folders that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.catalogs import configured
from integration_tests.harness.pod import ImagePod
from integration_tests.platform.test_pod import TestContacts as Jobs
from integration_tests.platform.test_pod import (
    access,
    account,
    lists,
    reading,
    streams,
    test_every_stream_is_read_as_the_orchestrator_wants_it,
    test_the_short_jobs,
    writing,
)
from mailchimp_simulator.client import SimulatorProcess

Json = dict[str, Any]
# Fixtures and tests are found by their names in this module.
__all__ = [
    "access",
    "account",
    "lists",
    "reading",
    "test_every_stream_is_read_as_the_orchestrator_wants_it",
    "test_the_short_jobs",
    "writing",
]


@pytest.fixture
def pod(tmp_path: Path, image_of: Callable[[str], str]) -> ImagePod:
    """The connectors that are in the images."""
    return ImagePod(tmp_path, image_of)


class TestContacts(Jobs):
    """An audience into another."""

    test_cancelled_in_the_middle_and_resumed = None  # type: ignore[assignment] # below


class TestCancelled:
    """To kill a container takes longer than the rest of so small a sync: this one is larger."""

    @pytest.fixture(scope="class")
    def account(self) -> Iterator[SimulatorProcess]:
        """Contacts enough for a middle that lasts."""
        with SimulatorProcess(contacts=24_000, audiences=2, campaigns=2, plain=True) as running:
            yield running

    @pytest.fixture
    def catalog(self, pod: ImagePod, access: Json) -> Json:
        return configured(streams(pod, access), ["list_members"], incremental=True)

    test_cancelled_in_the_middle_and_resumed = Jobs.test_cancelled_in_the_middle_and_resumed
