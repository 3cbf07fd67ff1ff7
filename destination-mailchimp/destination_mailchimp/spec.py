"""The ``spec`` command's answer and the documentation's table, both made from the configuration's model."""

from __future__ import annotations

from typing import Any

from destination_mailchimp.config import Config

DOCUMENTATION = "https://docs.airbyte.com/integrations/destinations/mailchimp"
Json = dict[str, Any]


def connection_specification() -> Json:
    """The configuration's JSON schema in the form that Airbyte's interface draws: no ``$ref``, ``oneOf``, ``order``."""
    schema = Config.model_json_schema()
    definitions = schema.pop("$defs", {})
    plain: Json = _plain(schema, definitions)
    for order, name in enumerate(plain["properties"]):
        plain["properties"][name]["order"] = order
    plain["$schema"] = "http://json-schema.org/draft-07/schema#"
    plain["additionalProperties"] = True
    plain.pop("description", None)
    return plain


def options_table() -> str:
    """The options as a table in Markdown, hidden ones left out."""
    rows = ["| option | title | default | what it does |", "| --- | --- | --- | --- |"]
    specification = connection_specification()
    for name, option in specification["properties"].items():
        if option.get("airbyte_hidden"):
            continue
        default = option.get("default")
        shown = (
            "required" if name in specification["required"] else "–" if default in (None, "", []) else f"`{default}`"
        )
        if isinstance(default, bool):
            shown = "on" if default else "off"
        rows.append(f"| `{name}` | {option['title']} | {shown} | {option['description']} |")
    return "\n".join(rows) + "\n"


def _plain(node: Any, definitions: Json) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node:
        # Optional: Airbyte's form leaves the option out instead of sending null.
        kinds = [item for item in node["anyOf"] if item.get("type") != "null"]
        if len(kinds) == 1:
            node = {**{key: value for key, value in node.items() if key != "anyOf"}, **kinds[0]}
    made = {
        key: _plain(value, definitions)
        for key, value in node.items()
        if key != "discriminator" and not (key == "default" and value is None)
    }
    if "const" in made:
        made.update(type="string", enum=[made["const"]], default=made["const"])
        made.pop("title", None)
    properties = made.get("properties")
    if isinstance(properties, dict) and "auth_type" in properties:
        made["required"] = ["auth_type", *(name for name in made.get("required", []) if name != "auth_type")]
    return made
