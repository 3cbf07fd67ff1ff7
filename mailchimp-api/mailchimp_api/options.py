"""Makes a form's JSON schema of a pydantic model of options: the shape that interfaces for connectors draw."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]


def unknown_options(model: type[BaseModel], given: Mapping[str, Any]) -> list[str]:
    """A sentence for each option in ``given`` that ``model`` does not have: a misspelt one must not pass for set.

    It names the option, never its value, and the one that may be meant. Empty ones and those of the platform, which
    begin with an underscore, are passed over.
    """
    known = list(model.model_fields)
    sentences = []
    for name in given:
        if name in known or name.startswith("_") or given[name] in (None, ""):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        sentences.append(f"The configuration has an option that does not exist, and does nothing: {name}.{hint}")
    return sentences


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
