"""What this repository's own files say: its packages of themselves, and which requirements are pinned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
CONNECTORS = ("source-mailchimp", "destination-mailchimp")
PACKAGES = ("connector-cli", "mailchimp-api", *CONNECTORS, "mailchimp-simulator")
TEST_FOLDERS = ("integration_tests", "benchmarks", "probes", "examples")


class Pin(NamedTuple):
    """One entry of a pinned file: the requirement and the options that follow it on the same logical line."""

    requirement: Requirement
    options: str


def pyproject(folder: str) -> Json:
    """The pyproject.toml of a package."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))


def version_of(folder: str) -> str:
    """The version of a package."""
    version: str = pyproject(folder)["project"]["version"]
    return version


def pins(environment: str) -> list[Pin]:
    """All entries of ``requirements/<environment>.txt``, in order."""
    text = (ROOT / "requirements" / f"{environment}.txt").read_text(encoding="utf-8")
    lines = text.replace("\\\n", " ").splitlines()
    entries = [line.partition(" --hash=") for line in lines if line.strip()]

    return [Pin(Requirement(requirement), separator + options) for requirement, separator, options in entries]


def installed(environment: str, python: str, full: str | None = None) -> dict[str, str]:
    """What pip would install on Linux from a pinned file: the version by canonical name.

    ``python``: such as 3.11; ``full``: the same with its patch level. Raises ValueError where a package has two.
    """
    markers = {
        "python_version": python,
        "python_full_version": full or f"{python}.5",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    versions: dict[str, str] = {}
    for requirement, _ in pins(environment):
        if requirement.marker is None or requirement.marker.evaluate(markers):
            version = str(requirement.specifier).removeprefix("==")
            # A package may stand there with and without its extras, but at one version.
            if versions.setdefault(canonicalize_name(requirement.name), version) != version:
                raise ValueError(f"{requirement.name} is pinned twice in requirements/{environment}.txt")
    return versions
