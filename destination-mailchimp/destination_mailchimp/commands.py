"""The commands, without Airbyte's CDK: that takes two seconds and 50 MB, and nothing here uses it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from connector_cli import commands, messages
from connector_cli.arguments import Command
from connector_cli.catalogs import read_catalog
from connector_cli.deadline import TookTooLong, within
from connector_cli.files import read_object
from connector_cli.memory import prepare_for_many_records
from destination_mailchimp.checks import check, destination_catalog
from destination_mailchimp.clear import asks_to_clear, clear_data
from destination_mailchimp.config import Config, read_config
from destination_mailchimp.failures import SyncFailure, failure_of
from destination_mailchimp.input.lines import lines_of
from destination_mailchimp.sync import run_sync
from destination_mailchimp.version import VERSION
from mailchimp_api.errors import MailchimpError, RequestRefused, TransientError
from mailchimp_api.explanations import NO_ANSWER, explain
from mailchimp_api.masking import mask
from mailchimp_api.options import option_schema

Json = dict[str, Any]

_DOCS = "https://github.com/mailchimp-connectors/mailchimp-connectors/blob/main/docs/destinations/mailchimp.md"
_CHECK_SECONDS = 25.0  # somebody waits in front of a screen
_CATALOG_FORMS = (
    'a configured catalog such as {"streams": [{"stream": {"name": "people", "json_schema": {"properties": {"id": {}, '
    '"email": {}}}, "supported_sync_modes": ["full_refresh"]}, "sync_mode": "full_refresh", "destination_sync_mode": '
    '"append_dedup", "primary_key": [["id"]]}]}, or what the discover of a source says, cut down to its streams of '
    "contacts"
)
_EXAMPLES = """examples:
  destination-mailchimp check --config config.json
  source-mailchimp read … | destination-mailchimp write --config config.json --catalog catalog.json

config.json holds at least {"credentials": {"auth_type": "apikey", "apikey": "0123…-us10"}, "list_id": "a1b2c3d4e5"};
spec prints all options."""


def specification() -> Json:
    """What ``spec`` says: the options, made of the ``Config`` model, and that contacts are upserted."""
    return {
        "connectionSpecification": option_schema(Config),
        "documentationUrl": _DOCS,
        "supportsIncremental": True,
        "supported_destination_sync_modes": ["append_dedup"],
        "supportsDBT": False,
        "supportsNormalization": False,
    }


def check_status(config: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Whether the configuration works: what is wrong, or else (None and) the warnings, if there are any."""
    try:
        warnings = within(_CHECK_SECONDS, lambda: check(read_config(config)))
    except TookTooLong:
        return NO_ANSWER.format(seconds=_CHECK_SECONDS), None
    except (TransientError, RequestRefused) as error:
        return explain(error), None
    except (MailchimpError, SyncFailure) as error:
        return failure_of(error).message, None
    return None, " ".join(warnings) or None


def _run(parsed: argparse.Namespace, context: commands.Context) -> None:
    output = context.output
    if parsed.command == "spec":
        output.emit(messages.dumps({"type": "SPEC", "spec": specification()}))
        return
    config = read_object(parsed.config, "--config")
    if parsed.command == "check":
        output.emit(messages.connection_status(*check_status(config)))
    elif parsed.command == "discover":
        output.emit(messages.dumps(destination_catalog(read_config(config))))
    else:
        prepare_for_many_records()
        catalog = read_catalog(parsed.catalog, forms=f"It must hold {_CATALOG_FORMS}.")
        options = read_config(config)
        if asks_to_clear(catalog):
            clear_data(catalog, lines_of(0), output)
        else:
            run_sync(options, catalog, lines_of(0), output, on_end=context.on_end, live=context.live)


CONNECTOR = commands.Connector(
    name="destination-mailchimp",
    version=VERSION,
    about="Writes records that come as Airbyte messages into a Mailchimp audience, as contacts.",
    examples=_EXAMPLES,
    commands=[
        Command("spec", "print the options"),
        Command("check", "check that the configuration works: prints SUCCEEDED or FAILED, exits 0", needs=("config",)),
        Command("discover", "print what a contact of the audience looks like", needs=("config",)),
        Command(
            "write",
            "write contacts from standard input",
            needs=("config", "catalog"),
            helps={"catalog": f"the streams that come in, a JSON file: {_CATALOG_FORMS}"},
        ),
    ],
    run=_run,
    failure_of=failure_of,
    mask=mask,
    long_running=frozenset({"write"}),
)
"""The connector as a program."""
