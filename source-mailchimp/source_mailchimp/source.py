"""The shell that Airbyte's CDK knows: a ``Source`` for its tests, and for programs that read in their own process.

The command line does not come this way: see ``commands``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import orjson
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    ConnectorSpecificationSerializer,
    FailureType,
    Status,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from connector_cli.errors import CommandFailed
from connector_cli.files import read_states
from connector_cli.output import Output
from mailchimp_api.errors import MailchimpError
from source_mailchimp.commands import check, discovered, read, specification
from source_mailchimp.messages import failure_of

logger = logging.getLogger("airbyte.source_mailchimp")


class SourceMailchimp(Source):
    """Reads everything a Mailchimp account holds."""

    # The CDK's own check would print the values it complains about; ``parse_config`` doesn't.
    check_config_against_spec = False

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:  # noqa: ARG002 - the CDK's signature
        """The options, made of the ``Config`` model."""
        return ConnectorSpecificationSerializer.load(specification())

    @classmethod
    def read_state(cls, state_path: str | None) -> list[AirbyteStateMessage]:
        """The states in the file; none without one. Raises AirbyteTracedException for a file that holds none."""
        try:
            states, warnings = read_states(state_path or None)
        except CommandFailed as error:
            raise _traced(error) from None
        for warning in warnings:
            logger.warning("%s", warning)
        return [AirbyteStateMessageSerializer.load(state) for state in states]

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        """Prove the credentials, the host, and that the chosen audiences exist."""
        failure = check(config)
        return AirbyteConnectionStatus(status=Status.FAILED if failure else Status.SUCCEEDED, message=failure)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:  # noqa: ARG002
        """Every stream of the table. Raises AirbyteTracedException where an option wants Mailchimp asked in vain."""
        try:
            streams = discovered(config)
        except MailchimpError as error:
            raise _traced(failure_of(error)) from None
        message = AirbyteMessageSerializer.load({"type": "CATALOG", "catalog": {"streams": streams}})
        return message.catalog or AirbyteCatalog(streams=[])

    def read(
        self,
        logger: logging.Logger,  # noqa: ARG002 - the CDK's signature
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read the streams of ``catalog``; raises AirbyteTracedException at the end if any of them is not complete."""
        sink = BytesIO()
        states = [orjson.loads(orjson.dumps(AirbyteStateMessageSerializer.dump(item))) for item in state or []]
        configured = orjson.loads(orjson.dumps(ConfiguredAirbyteCatalogSerializer.dump(catalog)))
        output = Output(sink=sink)
        try:
            for _ in read(config, configured, states, output):
                output.flush()
                yield from _taken(sink)
        except (MailchimpError, CommandFailed) as error:
            yield from _taken(sink)
            raise _traced(failure_of(error)) from None
        yield from _taken(sink)


def _taken(sink: BytesIO) -> Iterator[AirbyteMessage]:
    lines = sink.getvalue().splitlines()
    sink.seek(0)
    sink.truncate()
    for line in lines:
        yield AirbyteMessageSerializer.load(orjson.loads(line))


def _traced(failure: CommandFailed) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=failure.message,
        internal_message=failure.internal,
        failure_type=FailureType(failure.failure_type),
    )
