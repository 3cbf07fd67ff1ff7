"""The shell that Airbyte's CDK knows: a ``Destination`` with a ``discover`` command beside the usual three.

The command line does not come this way: see ``commands``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any

import orjson
from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    ConnectorSpecificationSerializer,
    Status,
)

from connector_cli import commands
from connector_cli.arguments import parse
from connector_cli.output import Output
from destination_mailchimp.checks import destination_catalog
from destination_mailchimp.clear import asks_to_clear, clear_data
from destination_mailchimp.commands import CONNECTOR, check_status, specification
from destination_mailchimp.config import read_config
from destination_mailchimp.sync import run_sync


class DestinationMailchimp(Destination):
    """Writes contacts into a Mailchimp audience."""

    VALID_CMDS = {*Destination.VALID_CMDS, "discover"}  # noqa: RUF012 - as its base has it

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:  # noqa: ARG002 - the CDK's interface
        """The options, and that contacts are upserted."""
        return ConnectorSpecificationSerializer.load(specification())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        """Whether the configuration works; the message says what to do if it doesn't."""
        failure, warnings = check_status(config)
        return AirbyteConnectionStatus(
            status=Status.FAILED if failure else Status.SUCCEEDED, message=failure or warnings
        )

    def discover(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The DESTINATION_CATALOG message: what a contact of this audience looks like."""
        return destination_catalog(read_config(config))

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterator[AirbyteMessage]:
        """For callers in the same process. Raises what made it fail, after the messages that came before."""
        sink = BytesIO()
        source = (([orjson.dumps(AirbyteMessageSerializer.dump(message))], True) for message in input_messages)
        catalog = orjson.loads(orjson.dumps(ConfiguredAirbyteCatalogSerializer.dump(configured_catalog)))
        options = read_config(config)
        try:
            if asks_to_clear(catalog):
                clear_data(catalog, source, Output(sink=sink))
            else:
                run_sync(options, catalog, source, Output(sink=sink))
        finally:
            for line in sink.getvalue().splitlines():
                yield AirbyteMessageSerializer.load(orjson.loads(line))

    def parse_args(self, args: list[str]) -> argparse.Namespace:
        """As the CDK does, with ``discover``."""
        return parse(
            args,
            CONNECTOR.commands,
            prog=CONNECTOR.name,
            version=CONNECTOR.version,
            about=CONNECTOR.about,
            examples=CONNECTOR.examples,
        )

    def run(self, args: list[str]) -> None:
        """Carry out a command line; ends the process with its exit code."""
        sys.exit(commands.run(CONNECTOR, args))
