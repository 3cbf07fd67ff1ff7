"""A package has one version, that of its pyproject.toml: wherever else it is written, it is the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from integration_tests.harness.repository import CONNECTORS, PACKAGES, ROOT, pyproject, version_of

VERSION = r"\d+\.\d+\.\d+"
WRITTEN = [
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.y*ml", "examples/**/*.md", "Dockerfile", "*/README.md")
    for path in ROOT.glob(pattern)
]


def places(connector: str) -> Iterator[tuple[str, str]]:
    """Where a connector's version is written by hand, and what it says there."""
    kind = connector.partition("-")[0]
    page = f"docs/{kind}s/mailchimp.md"
    column = CONNECTORS.index(connector) + 1
    yield from found(f"{connector}/metadata.yaml", rf"^  dockerImageTag: ({VERSION})$")
    yield from found(f"{connector}/CHANGELOG.md", rf"^## \[({VERSION})\]", first=True)
    yield from found(page, rf"^\| ({VERSION}) \|", first=True)
    yield from found("docs/airbyte.md", rf"^\| Docker image tag \|(?: `[\d.]+` \|){{{column - 1}}} `({VERSION})` \|")
    yield from found("docs/airbyte.md", rf'"dockerImageTag": "({VERSION})"')
    for path in WRITTEN:
        text = path.read_text(encoding="utf-8")
        for version in re.findall(rf"\b{connector}:({VERSION})", text):
            yield path.relative_to(ROOT).as_posix(), version


def found(path: str, pattern: str, *, first: bool = False) -> Iterator[tuple[str, str]]:
    """What a file says. Where it says nothing the pattern has become wrong, which is an error, too."""
    versions = re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE)
    yield from ((path, version) for version in (versions[:1] if first else versions) or ["nothing"])


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_connectors_version_is_the_same_wherever_it_is_written(connector: str) -> None:
    everywhere = list(places(connector))

    assert {path for path, _ in everywhere} > {f"{connector}/metadata.yaml", "docs/airbyte.md"}
    assert [place for place in everywhere if place[1] != version_of(connector)] == []


def test_the_simulators_changelog_has_its_version() -> None:
    [newest] = found("mailchimp-simulator/CHANGELOG.md", rf"^## \[?({VERSION})\]?", first=True)

    assert newest[1] == version_of("mailchimp-simulator")


@pytest.mark.parametrize("folder", PACKAGES)
def test_what_a_package_asks_of_the_others_is_what_there_is(folder: str) -> None:
    """Or a fresh installation of the wheels that stand side by side would fail."""
    versions = {pyproject(other)["project"]["name"]: version_of(other) for other in PACKAGES}
    asked = [Requirement(text) for text in pyproject(folder)["project"].get("dependencies", [])]

    assert [str(one) for one in asked if one.name in versions and versions[one.name] not in one.specifier] == []
