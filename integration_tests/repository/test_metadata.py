"""What each connector's ``metadata.yaml`` and fixtures say is true."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from airbyte_cdk.models.connector_metadata import MetadataFile
from jsonschema import Draft7Validator

from integration_tests.harness.compatibility import Golden
from integration_tests.harness.repository import CONNECTORS, ROOT, pyproject
from mailchimp_api.access import LOGIN_HOST
from mailchimp_api.credentials import api_root
from source_mailchimp.streams import STREAMS, SUGGESTED

Json = dict[str, Any]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
# Airbyte's own source-mailchimp: somebody may have both.
OFFICIAL = "b03a9f3e-22a5-11eb-adc1-0242ac120002"
# The last is Mailchimp's own, of each audience's beamer address.
_NOBODYS = ("example.com", "example.org", "example.net", "inbound.mailchimp.com")
_KEY = re.compile(r"[0-9a-f]{32}-[a-z]{2}\d")


def metadata_of(connector: str) -> Json:
    """The connector's metadata."""
    data: Json = yaml.safe_load((ROOT / connector / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    return data


def fixtures_of(connector: str) -> list[Path]:
    """All files that Airbyte's tools look for in the connector's folder."""
    folder = ROOT / connector
    return [folder / "metadata.yaml", folder / "acceptance-test-config.yml", *(folder / "integration_tests").iterdir()]


@pytest.mark.parametrize("connector", CONNECTORS)
class TestMetadata:
    """Airbyte's tools and its interface go by it."""

    def test_airbytes_kit_reads_it(self, connector: str) -> None:
        data = MetadataFile.from_file(ROOT / connector / "metadata.yaml").data

        assert data.language.value == "python"
        assert data.dockerRepository.endswith(f"/{connector}")

    def test_airbytes_current_schema_takes_it(self, connector: str) -> None:
        """The one that Airbyte's registry validates against, as its own package publishes it."""
        schema = pytest.importorskip("airbyte_connector_models", reason="has no release for this Python")
        definition = Path(schema.__file__).parent / "metadata" / "v0" / "ConnectorMetadataDefinitionV0.json"
        metadata = yaml.safe_load((ROOT / connector / "metadata.yaml").read_text(encoding="utf-8"))

        errors = Draft7Validator(json.loads(definition.read_text(encoding="utf-8"))).iter_errors(metadata)
        assert [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors] == []

    def test_the_folder_introduces_itself(self, connector: str) -> None:
        """Its README, which also becomes the page on a package index, leads to the connector's page and changelog."""
        text = (ROOT / connector / "README.md").read_text(encoding="utf-8")
        kind = connector.partition("-")[0]

        assert text.startswith(f"# {connector}\n")
        assert f"(../docs/{kind}s/mailchimp.md)" in text
        assert "(CHANGELOG.md)" in text

    def test_the_page_has_the_headings_that_airbytes_documentation_checks_look_for(self, connector: str) -> None:
        """In their order."""
        kind = connector.partition("-")[0]
        page = (ROOT / "docs" / f"{kind}s" / "mailchimp.md").read_text(encoding="utf-8")
        supported = "Supported streams" if kind == "source" else "Supported objects"
        expected = ["Prerequisites", "Setup guide", "Supported sync modes", supported, "Performance considerations",
                    "Data type map", "Limitations", "Troubleshooting", "Changelog"]  # fmt: skip
        found = [line for line in re.findall(r"^## (.+)$", page, flags=re.MULTILINE) if line in expected]

        assert found == expected

    def test_the_documentation_is_ours(self, connector: str) -> None:
        """Airbyte's own page describes another connector."""
        kind = connector.partition("-")[0]
        url = metadata_of(connector)["documentationUrl"]

        assert "airbyte.com" not in url
        assert url.endswith(f"/docs/{kind}s/mailchimp.md")

    def test_the_definition_is_ours_and_no_others(self, connector: str) -> None:
        """A random id: neither Airbyte's nor that of the other connector."""
        found = uuid.UUID(metadata_of(connector)["definitionId"])
        others = {uuid.UUID(metadata_of(name)["definitionId"]) for name in CONNECTORS if name != connector}

        assert found.version == 4
        assert found not in {uuid.UUID(OFFICIAL), *others}

    def test_every_host_it_asks_is_allowed(self, connector: str) -> None:
        """Where Airbyte limits a connector to these hosts, both the API and the login host of OAuth are among them."""
        patterns = [re.escape(host).replace(r"\*", "[^.]+") for host in metadata_of(connector)["allowedHosts"]["hosts"]]
        asked = [url.partition("://")[2].partition("/")[0] for url in (api_root("us10"), LOGIN_HOST)]

        assert [host for host in asked if not any(re.fullmatch(pattern, host) for pattern in patterns)] == []

    def test_the_licence_is_the_repositorys(self, connector: str) -> None:
        licence = pyproject(connector)["project"]["license"]

        assert metadata_of(connector)["license"] == licence
        assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{licence} License")

    def test_the_documentation_is_where_the_spec_says(self, connector: str) -> None:
        assert metadata_of(connector)["documentationUrl"] == Golden.load(connector).spec["documentationUrl"]

    def test_the_dockerfile_stands_on_the_base_image_that_it_names(self, connector: str) -> None:
        """What the image says of itself, its tests compare."""
        [base] = re.findall(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE, flags=re.MULTILINE)

        assert metadata_of(connector)["connectorBuildOptions"]["baseImage"] == base

    def test_the_icon_is_a_picture(self, connector: str) -> None:
        """A square SVG without scripts and without anything fetched from elsewhere."""
        text = (ROOT / connector / metadata_of(connector)["icon"]).read_text(encoding="utf-8")
        icon = ET.fromstring(text)  # noqa: S314 - our own file

        assert icon.tag == "{http://www.w3.org/2000/svg}svg"
        assert icon.get("width") == icon.get("height")
        assert "script" not in text
        assert "href" not in text


@pytest.mark.parametrize("folder", ["connector-cli", "mailchimp-api", *CONNECTORS])
def test_a_distribution_has_a_name_of_its_own_and_brings_its_licence(folder: str) -> None:
    """On the public package index ``source-mailchimp`` belongs to a stranger, and is another program."""
    project = pyproject(folder)["project"]

    assert project["name"].startswith("airbyte-connectors-mailchimp-")
    assert project["license-files"] == ["LICENSE"]
    assert (ROOT / folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (ROOT / folder / project["readme"]).read_text(encoding="utf-8").startswith(f"# {folder}\n")
    assert {"Homepage", "Documentation"} <= project["urls"].keys()
    if folder in CONNECTORS:
        assert list(project["scripts"]) == [folder]
        assert project["urls"]["Documentation"] == metadata_of(folder)["documentationUrl"]


def test_the_suggested_streams_are_the_stream_tables() -> None:
    """What the interface ticks at first is what most people want, and all of it exists."""
    suggested = metadata_of("source-mailchimp")["suggestedStreams"]["streams"]

    assert tuple(suggested) == SUGGESTED
    assert set(suggested) <= set(STREAMS)


@pytest.mark.parametrize("connector", CONNECTORS)
class TestFixtures:
    """The files in Airbyte's layout."""

    def test_no_secret_is_in_them(self, connector: str) -> None:
        """Nothing that looks like a key, and no address of anybody real."""
        for path in fixtures_of(connector):
            text = path.read_text(encoding="utf-8").lower()
            assert _KEY.search(text) is None, path.name
            hosts = set(re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", text))
            assert {host for host in hosts if not host.endswith(_NOBODYS)} == set()

    def test_the_sample_configuration_is_valid(self, connector: str) -> None:
        """Somebody who fills in the sample has a configuration that the interface accepts."""
        schema = Golden.load(connector).spec["connectionSpecification"]
        sample = json.loads((ROOT / connector / "integration_tests" / "sample_config.json").read_text(encoding="utf-8"))

        assert [error.message for error in Draft7Validator(schema).iter_errors(sample)] == []
