"""Who is asked to confirm is asked in the language of their record."""

from __future__ import annotations

import pytest

from destination_mailchimp.writing.consent import StatusPolicy
from destination_mailchimp.writing.languages import by_language, language_of
from unit_tests.builders import people


@pytest.mark.parametrize(
    "status,body,language",
    [
        ("pending", {"language": "fr"}, "fr"),
        ("pending", {"language": "pt_PT"}, "pt-PT"),
        ("pending", {}, None),
        ("subscribed", {"language": "fr"}, None),
    ],
)
def test_the_language_of_the_e_mail(status: str, body: dict[str, str], language: str | None) -> None:
    (contact,) = people(1, **body)

    assert language_of(contact, StatusPolicy(status)) == language


def test_contacts_of_several_languages_are_several_calls() -> None:
    french, german, plain = people(2, language="fr"), people(3, language="de"), people(1)
    parts = by_language([*french, *german, *plain], StatusPolicy("pending"))

    assert parts == [french, german, plain]
    assert by_language([*french, *german], StatusPolicy("subscribed")) == [[*french, *german]]
