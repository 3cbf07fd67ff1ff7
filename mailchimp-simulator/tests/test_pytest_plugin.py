"""The fixtures that a project gets by installing the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEST = """
import pytest
import requests


@pytest.fixture(scope="session")
def mailchimp_options():
    return {"contacts": 20, "audiences": 1, "campaigns": 0}


def lists(simulator):
    return requests.get(f"{simulator.api_url}/lists", auth=("any", simulator.api_key), timeout=10).json()["lists"]


def test_one(mailchimp):
    [audience] = lists(mailchimp)
    mailchimp.control.delete(f"/lists/{audience['id']}")
    assert lists(mailchimp) == []


def test_two(mailchimp):
    assert len(lists(mailchimp)) == 1
"""


def test_a_project_has_an_account_of_its_own_for_each_test(tmp_path: Path) -> None:
    (tmp_path / "test_client.py").write_text(TEST, encoding="utf-8")

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout
