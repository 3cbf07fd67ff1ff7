"""What is in the images, and what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.utils import canonicalize_name

from integration_tests.harness import Container
from integration_tests.harness.repository import CONNECTORS, ROOT, installed, pyproject, version_of

Json = dict[str, Any]
MODULES = {
    "source-mailchimp": "source_mailchimp.commands",
    "destination-mailchimp": "destination_mailchimp.commands",
}

pytestmark = pytest.mark.parametrize("connector", CONNECTORS)

# Run inside the image: what is installed there, and what the connector's modules were loaded from.
LIST_PACKAGES = """
import importlib.metadata, json, sys
found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
version = "%d.%d" % sys.version_info[:2]
print(json.dumps({"packages": found, "python": version, "full": sys.version.split()[0]}))
"""
LIST_UNCOMPILED = """
import importlib, json, os, sys
importlib.import_module(sys.argv[1])
specs = [m.__spec__ for m in list(sys.modules.values()) if getattr(m, "__spec__", None)]
# Frozen modules are inside the interpreter itself.
sources = [(s.origin, s.cached) for s in specs if s.has_location and s.origin.endswith(".py")]
print(json.dumps({"sources": len(sources), "uncompiled": [f for f, c in sources if not c or not os.path.exists(c)]}))
"""
USE_THE_CDK = """
import importlib, importlib.metadata, json, logging, sys
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
import airbyte_cdk.destinations, airbyte_cdk.entrypoint, airbyte_cdk.models
connector = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])()
distributions = list(importlib.metadata.distributions())
asked = [Requirement(line) for d in distributions for line in d.requires or ()]
asked = {canonicalize_name(r.name) for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})}
missing = asked - {canonicalize_name(d.metadata["Name"]) for d in distributions}
spec = connector.spec(logging.getLogger("airbyte")).connectionSpecification
print(json.dumps({"spec": spec, "missing": sorted(missing)}))
"""
LIST_FILES = """
import json, os
found = [os.path.join(folder, name) for folder, _, names in os.walk("/opt/connector") for name in names]
size = sum(os.lstat(name).st_size for name in found)
writable = [name for name in found if os.access(name, os.W_OK) and not os.path.islink(name)]
print(json.dumps({"files": found, "size": size, "writable": writable, "uid": os.getuid()}))
"""


@pytest.fixture
def python(image_of: Callable[[str], str], connector: str, tmp_path: Path) -> Callable[..., Any]:
    """Runs a script with the image's own Python; returns the JSON it prints."""

    def run(script: str, *arguments: str) -> Any:
        options = [*Container.HARDENED, "--entrypoint", "/opt/connector/bin/python"]
        container = Container(image_of(connector), tmp_path, options)
        running = container.launch(["-c", script, *arguments], tmp_path, stdin=False)
        done = running.end()
        assert done.exit_code == 0, done.describe()
        return json.loads(done.lines[-1])

    return run


def test_an_image_holds_its_connector_the_shared_package_and_their_pinned_dependencies(
    connector: str, python: Callable[..., Any]
) -> None:
    """Nothing else of the repository is inside, no build tool, and no package that was not tested."""
    inside = python(LIST_PACKAGES)
    folders = (connector, "mailchimp-api", "connector-cli")
    own = {pyproject(folder)["project"]["name"]: version_of(folder) for folder in folders}

    pinned = installed(connector.partition("-")[0], inside["python"], inside["full"])
    packages = {canonicalize_name(name): version for name, version in inside["packages"].items()}
    assert packages == {**pinned, **own}


def test_everything_a_connector_imports_is_compiled(connector: str, python: Callable[..., Any]) -> None:
    """A container can't keep bytecode, so each start would compile again what has none: seconds every time."""
    found = python(LIST_UNCOMPILED, MODULES[connector])

    assert found["sources"] > 300
    assert found["uncompiled"] == []


def test_the_cdks_classes_work_without_what_is_left_out(connector: str, python: Callable[..., Any]) -> None:
    """Whoever starts the connector through the CDK finds it whole; what is missing is what was left out on purpose."""
    module = connector.replace("-", "_")
    name = "".join(part.title() for part in connector.split("-"))

    found = python(USE_THE_CDK, module, name)

    left_out = set((ROOT / "requirements" / "left-out.txt").read_text(encoding="utf-8").splitlines())
    assert "credentials" in found["spec"]["properties"]
    assert {"pandas", "numpy", "nltk"} <= left_out
    assert [package for package in found["missing"] if package not in left_out] == []


def test_no_test_no_secret_and_nothing_writable_is_inside(
    connector: str, python: Callable[..., Any], measured: Callable[[str], None], settings_of: Callable[[str], Json]
) -> None:
    """The connector's files belong to root; the user it runs as can't change them."""
    found = python(LIST_FILES)
    own = [path for path in found["files"] if "mailchimp" in path]

    size = settings_of(connector)["Size"]
    measured(f"{connector}: image {size / 1e6:.0f} MB, of which {found['size'] / 1e6:.0f} MB in /opt/connector")
    assert found["uid"] == 1000
    assert own
    assert [path for path in own if "test" in path or "secret" in path or path.endswith(".whl")] == []
    assert found["writable"] == []


def test_an_image_says_what_it_is_and_how_to_start_it(connector: str, settings_of: Callable[[str], Json]) -> None:
    """Airbyte reads the name and the version from labels, and the command from the environment."""
    settings = settings_of(connector)["Config"]
    metadata = yaml.safe_load((ROOT / connector / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    version = version_of(connector)
    environment = dict(entry.split("=", 1) for entry in settings["Env"])

    assert settings["Labels"]["io.airbyte.name"] == metadata["dockerRepository"]
    assert settings["Labels"]["io.airbyte.version"] == version
    assert settings["Labels"]["org.opencontainers.image.version"] == version
    assert settings["Labels"]["org.opencontainers.image.licenses"] == metadata["license"]
    assert settings["Labels"]["org.opencontainers.image.title"] == connector
    assert settings["Entrypoint"] == [environment["AIRBYTE_ENTRYPOINT"]]
    assert settings["User"].partition(":")[0] == "1000"
