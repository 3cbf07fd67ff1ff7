"""Options as a person meets them: the form that interfaces draw of a pydantic model, and what is said of a mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]


def unknown_options(model: type[BaseModel], given: Mapping[str, Any]) -> list[str]:
    """A sentence for each option in ``given`` that ``model`` does not have: a misspelt one must not pass for set.

    It names the option, never its value, and the one that may be meant. Empty ones and those of the platform, which
    begin with an underscore, are passed over.
    """
    names = list(model.model_fields)
    sentences = []
    for name in given:
        if name in names or name.startswith("_") or given[name] in (None, ""):
            continue
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        sentences.append(f"The configuration has an option that does not exist, and does nothing: {name}.{hint}")
    return sentences


def misspelt(name: str, given: Iterable[str]) -> str:
    """For an option ``name`` that is missing: a sentence with the one of ``given`` that may be meant, or nothing."""
    near = difflib.get_close_matches(name, given, n=1)
    return f". There is {near[0]}: did you mean {name}?" if near else ""


_SHOULD_BE = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "string": "must be a text, in quotation marks",
    "list": "must be a list",
    "dict": "must be an object: {…}",
    "model": "must be an object: {…}",
    "missing": "is missing",
}
"""By the first word of the type that pydantic gives an error."""
_BOUNDS = {
    "greater_than_equal": ("ge", "must be {} or more"),
    "greater_than": ("gt", "must be more than {}"),
    "less_than_equal": ("le", "must be {} or less"),
    "less_than": ("lt", "must be less than {}"),
}


def complaint(error: Mapping[str, Any]) -> str:
    """What a value should be, of one of the ``errors()`` of pydantic's ValidationError: ``must be a whole number``.

    Never what it is: that may be a key in the wrong place. Sentences of validators stand as they are.
    """
    kind: str = error["type"]
    context = error.get("ctx", {})
    if kind == "union_tag_invalid":  # pydantic's own text quotes what was given
        return _unquoted(f"{context['discriminator']} must be {context['expected_tags'].replace(', ', ' or ')}")
    if kind == "literal_error":
        return _unquoted(f"must be {context['expected']}")
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return words.format(f"{context[bound]:g}")
    return _SHOULD_BE.get(kind.partition("_")[0]) or str(error["msg"]).removeprefix("Value error, ")


def _unquoted(text: str) -> str:
    return text.replace("'", "")


def option_schema(model: type[BaseModel]) -> Json:
    """The JSON schema (draft 7) of ``model``: no references, no nulls, options numbered in the model's order.

    An optional field is one that is left out, never null; a union of models becomes ``oneOf``, told apart by a constant
    ``auth_type``. Further options are let through, for configurations that were saved by other versions.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    plain: Json = _plain(schema, definitions)
    for order, option in enumerate(plain["properties"].values()):
        option["order"] = order
    plain.pop("description", None)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "required": [],
        **plain,
        "additionalProperties": True,
    }


def _plain(node: Any, definitions: Json) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    node = _without_null(node)
    made = {
        key: _plain(value, definitions)
        for key, value in node.items()
        if key != "discriminator" and not (key == "default" and value is None)
    }
    if "oneOf" in made:
        made.setdefault("type", "object")
    if "const" in made:
        made.update(type="string", enum=[made["const"]], default=made["const"])
        made.pop("title", None)
    properties = made.get("properties")
    if isinstance(properties, dict) and "auth_type" in properties:
        made["required"] = ["auth_type", *(name for name in made.get("required", []) if name != "auth_type")]
    return made


def _without_null(node: Json) -> Json:
    """An optional field is left out of a form's answer instead of being null."""
    kinds = [kind for kind in node.get("anyOf", []) if kind.get("type") != "null"]
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    # What is said of the field goes before what is said of its type.
    return {**kinds[0], **rest} if len(kinds) == 1 else node
