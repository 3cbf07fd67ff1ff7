"""Options as a form: what an interface for connectors can draw."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, Field, ValidationError

from mailchimp_api.credentials import Credentials
from mailchimp_api.options import complaint, option_schema, unknown_options


class Options(BaseModel):
    """Some options."""

    credentials: Annotated[Credentials | None, Field(title="Sign in", discriminator="auth_type")] = None
    name: Annotated[str | None, Field(title="Name", description="Of the thing.")] = None
    list_id: str


class TestOptionSchema:
    """What ``option_schema`` makes of a model."""

    def test_it_is_one_document_without_references_and_nulls(self) -> None:
        text = repr(option_schema(Options))

        Draft7Validator.check_schema(option_schema(Options))
        assert "$ref" not in text
        assert "'null'" not in text

    def test_options_keep_the_models_order_and_their_own_titles(self) -> None:
        properties = option_schema(Options)["properties"]

        assert sorted(properties, key=lambda name: properties[name]["order"]) == ["credentials", "name", "list_id"]
        assert properties["name"]["title"] == "Name"

    def test_only_what_has_no_default_is_required(self) -> None:
        assert option_schema(Options)["required"] == ["list_id"]

    def test_each_way_to_sign_in_is_told_by_its_constant(self) -> None:
        credentials = option_schema(Options)["properties"]["credentials"]
        validator = Draft7Validator(credentials)

        assert validator.is_valid({"auth_type": "apikey", "apikey": "k"})
        assert validator.is_valid({"auth_type": "oauth2.0", "access_token": "t"})
        assert not validator.is_valid({"apikey": "k"})

    def test_options_of_other_versions_are_let_through(self) -> None:
        assert Draft7Validator(option_schema(Options)).is_valid({"list_id": "a", "of_old": 1})


class TestUnknownOptions:
    """A misspelt option does not pass for set."""

    def test_it_is_named_with_the_one_that_may_be_meant_and_without_its_value(self) -> None:
        [sentence] = unknown_options(Options, {"list_id": "a", "nmae": "s3cret"})

        assert "does nothing: nmae. Did you mean name?" in sentence
        assert "s3cret" not in sentence

    def test_one_like_no_other_is_named_alone(self) -> None:
        [sentence] = unknown_options(Options, {"zzz": 1})

        assert sentence.endswith("does nothing: zzz.")

    def test_what_is_empty_and_what_the_platform_adds_is_passed_over(self) -> None:
        assert unknown_options(Options, {"list_id": "a", "old": None, "cleared": "", "__airbyte": 1}) == []


class Values(BaseModel):
    """An option of each type."""

    whole: Annotated[int, Field(ge=2, le=10)] = 2
    number: Annotated[float, Field(gt=0)] = 1.0
    on: bool = False
    choice: Literal["leave", "revive", "reject"] = "leave"
    text: str = ""
    texts: list[str] = []
    credentials: Annotated[Credentials | None, Field(discriminator="auth_type")] = None
    list_id: str


class TestComplaint:
    """What a value should be, in the words of whoever fills in the form."""

    @pytest.mark.parametrize(
        "given, words",
        [
            ({"whole": 1}, "must be 2 or more"),
            ({"whole": 11}, "must be 10 or less"),
            ({"whole": "s3cret"}, "must be a whole number"),
            ({"whole": 2.5}, "must be a whole number"),
            ({"whole": ["s3cret"]}, "must be a whole number"),
            ({"number": 0}, "must be more than 0"),
            ({"number": "s3cret"}, "must be a number"),
            ({"on": "s3cret"}, "must be true or false"),
            ({"on": ["s3cret"]}, "must be true or false"),
            ({"choice": "s3cret"}, "must be leave, revive or reject"),
            ({"text": 7}, "must be a text, in quotation marks"),
            ({"texts": "s3cret"}, "must be a list"),
            ({"texts": [7]}, "must be a text, in quotation marks"),
            ({"credentials": "s3cret"}, "must be an object: {…}"),
            ({"credentials": {"auth_type": "s3cret"}}, "must be apikey or oauth2.0"),
            ({"credentials": {"auth_type": "apikey"}}, "is missing"),
            ({"list_id": None}, "must be a text, in quotation marks"),
        ],
    )
    def test_it_says_what_the_value_should_be_and_never_what_it_is(self, given: dict[str, object], words: str) -> None:
        with pytest.raises(ValidationError) as caught:
            Values.model_validate({"list_id": "a", **given})

        [error] = caught.value.errors()
        assert complaint(error).endswith(words)
        assert "s3cret" not in complaint(error)

    def test_a_sentence_of_a_validator_stands_as_it_is(self) -> None:
        error = {"type": "value_error", "loc": ("tags",), "msg": "Value error, take it out"}

        assert complaint(error) == "take it out"
