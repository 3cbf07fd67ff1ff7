"""Tags that are given and taken by a call about one contact."""

from __future__ import annotations

import pytest
import requests_mock

from destination_mailchimp.audience.calls import Calls
from destination_mailchimp.writing.result import FollowUp, Result, Step, TagChange, TagFailed, Untag
from unit_tests.builders import LIST, PROBLEM, Writing, config_of, people


@pytest.mark.parametrize("remove", [False, True])
def test_the_call_about_one_contact_takes_any_status(
    calls: Calls,
    mock: requests_mock.Mocker,
    *,
    remove: bool,
) -> None:
    (contact,), result = people(1), Result()
    asked = mock.post(f"{LIST}/members/{contact.hash}/tags", status_code=204)
    tags = (TagChange("a", remove), TagChange("b", remove))
    Writing(calls).singles.run(FollowUp(contact, Step.TAGS, tags), result)

    status = "inactive" if remove else "active"
    assert asked.request_history[-1].json() == {"tags": [{"name": name, "status": status} for name in "ab"]}
    assert result.tags_failed == []


def test_a_contact_that_is_gone_could_not_be_tagged(calls: Calls, mock: requests_mock.Mocker) -> None:
    (contact,), result = people(1), Result()
    gone = {"type": "x", "title": "Resource Not Found", "status": 404}
    mock.post(f"{LIST}/members/{contact.hash}/tags", status_code=404, json=gone, headers=PROBLEM)
    Writing(calls).singles.run(FollowUp(contact, Step.TAGS, (TagChange("a"),)), result)

    assert result.tags_failed == [TagFailed(contact, "the contact is not in the audience")]


def test_a_tag_that_is_gone_with_its_contact_needs_not_be_taken_away(calls: Calls, mock: requests_mock.Mocker) -> None:
    (contact,), result = people(1), Result()
    gone = {"type": "x", "title": "Resource Not Found", "status": 404}
    mock.post(f"{LIST}/members/{contact.hash}/tags", status_code=404, json=gone, headers=PROBLEM)
    Writing(calls).singles.run(FollowUp(contact, Step.TAGS, (TagChange("a", remove=True),)), result)

    assert result.tags_failed == []


def test_what_the_record_and_the_configuration_do_not_name_is_to_be_taken_away(
    calls: Calls, mock: requests_mock.Mocker
) -> None:
    (contact,), result = people(1), Result()
    contact.tags = ["VIP"]
    rows = [{"name": name} for name in ("vip", "News", "Old")]
    mock.get(f"{LIST}/members/{contact.hash}/tags", json={"tags": rows, "total_items": 3})
    Writing(calls, config_of(tags="news", replace_tags=True)).singles.run(FollowUp(contact, Step.COMPARE_TAGS), result)

    assert result.untag == [Untag(contact, "Old")]


def test_tags_that_can_never_be_read_are_one_contacts_matter(calls: Calls, mock: requests_mock.Mocker) -> None:
    (contact,), result = people(1), Result()
    contact.tags = []
    fault = {"type": "x", "title": "InternalServerError", "status": 500, "detail": "No."}
    mock.get(f"{LIST}/members/{contact.hash}/tags", status_code=500, json=fault, headers=PROBLEM)
    mock.get(LIST, json={"id": "abc"})
    Writing(calls, config_of(replace_tags=True)).singles.run(FollowUp(contact, Step.COMPARE_TAGS), result)

    assert [rejected.reject.reason for rejected in result.rejected] == ["server_error"]
