"""`make demo` in small."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration_tests.harness.repository import ROOT

# Eighty-four tables take PyAirbyte a while to store; these are what the questions need, and one of each kind.
STREAMS = ["lists", "list_members", "reports", "email_activity", "campaign_content", "campaign_eepurl", "member_tags"]


@pytest.mark.slow
def test_the_demo_reads_an_account_and_writes_its_contacts_back(tmp_path: Path) -> None:
    """It ends with 0, so every table has as many rows as the account; and it says so."""
    size = ["--contacts", "60", "--campaigns", "6", "--recipients", "10", "--streams", *STREAMS]
    run = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--folder", tmp_path / "demo", *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(STREAMS)} tables: as many as the account holds" in run.stdout
    assert "Which campaigns were opened by most of those who got them?" in run.stdout
    assert "What do merge fields say?" in run.stdout
    assert "60 received = " in run.stdout
    assert "of those who get e-mails 0 are missing, of those who have left 0 are back." in run.stdout
    assert re.search(r"unsubscribed +unsubscribed +\d", run.stdout)
    assert (tmp_path / "demo" / "mailchimp.duckdb").exists()
