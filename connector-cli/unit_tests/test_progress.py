"""A long run says how it gets on: in the log, and to a person who watches."""

from __future__ import annotations

import io
import logging
import time

import pytest

from connector_cli.progress import Live, Progress, duration


def test_it_logs_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airbyte.progress")

    with Progress(lambda: ["7 rows", "2 streams"], lambda: "7", seconds=0.1):
        time.sleep(0.35)

    assert caplog.messages[:2] == ["7 rows", "2 streams"]
    assert 4 <= len(caplog.messages) <= 8


def test_a_line_moves_and_other_text_scrolls_by() -> None:
    terminal = io.StringIO()
    live = Live(terminal)

    live.show("7 rows")
    live.echo("WARN: slow")
    live.show("8 rows")
    live.end()

    assert terminal.getvalue() == "\r\x1b[K7 rows\r\x1b[KWARN: slow\n7 rows\r\x1b[K8 rows\n"


def test_the_line_stands_at_the_end_of_a_short_run() -> None:
    terminal = io.StringIO()

    with Progress(list, lambda: "7 rows", live=Live(terminal)):
        pass

    assert terminal.getvalue() == "\r\x1b[K0:00  7 rows\n"


def test_what_goes_wrong_in_the_telling_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> list[str]:
        raise KeyError("x")

    with Progress(fail, lambda: "", seconds=0.05):
        time.sleep(0.2)

    assert "The progress can't be told any more" in caplog.text


@pytest.mark.parametrize("seconds, text", [(7.9, "0:07"), (760, "12:40"), (3723, "1:02:03")])
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text
