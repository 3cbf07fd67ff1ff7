"""Equal warnings are logged a few times, then counted."""

from __future__ import annotations

import logging

import pytest

from destination_mailchimp.accounting.repeats import warnings_counted


def test_equal_warnings_come_three_times_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("airbyte.repeats")
    with warnings_counted(logger):
        for number in range(40):
            logger.warning("The columns %s and %s match", "a", "b")
            logger.error("An error of its own")
            if number == 7:
                logger.warning("Another")

    texts = [record.getMessage() for record in caplog.records]
    assert texts.count("The columns a and b match") == 3
    assert texts.count("37 more times: The columns a and b match") == 1
    assert texts.count("An error of its own") == 40
    assert texts.count("Another") == 1
