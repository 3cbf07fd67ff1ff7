"""The rules of the repository itself: pinned requirements, versions that agree, and who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from integration_tests.harness.repository import (
    PACKAGES,
    ROOT,
    TEST_FOLDERS,
    installed,
    pins,
    pyproject,
)

ENVIRONMENTS = {
    "build": (),
    "source": ("source-mailchimp", "mailchimp-api", "connector-cli"),
    "simulator": ("mailchimp-simulator",),
    "destination": ("destination-mailchimp", "mailchimp-api", "connector-cli"),
    "dev": PACKAGES,
    "dbt": (),
}
OWN_PACKAGES = {pyproject(folder)["project"]["name"] for folder in PACKAGES}
# By scripts that run in another program's environment: one that ours is measured beside, one an example is for.
IMPORTED_ELSEWHERE = {"tap_mailchimp", "dagster"}
DIFFERS = {"cryptography", "cffi"}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def imported(module: Path) -> list[str]:
    """The names of all modules that a file imports, wherever in the file it does so."""
    names = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")

    return names


def tracked_files() -> list[Path]:
    """Every text file that is committed or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in listing.stdout.split("\0") if name)
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:1024]]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestPinnedRequirements:
    """Whoever installs a pinned file gets exactly what was tested, from wherever their pip gets packages."""

    def test_every_requirement_is_pinned_with_hashes(self, environment: str) -> None:
        """Each entry names one version and the hashes of its files, and nothing else."""
        loose = [
            str(requirement)
            for requirement, options in pins(environment)
            if not re.fullmatch(r"==[^*,]+", str(requirement.specifier))
            or not re.fullmatch(r"(\s*--hash=sha256:[0-9a-f]{64})+\s*", options)
        ]

        assert pins(environment)
        assert loose == []

    def test_it_holds_no_address(self, environment: str) -> None:
        """Neither an index nor a direct reference: where packages come from is the machine's setting."""
        text = (ROOT / "requirements" / f"{environment}.txt").read_text(encoding="utf-8")

        assert "://" not in text
        assert [line for line in text.splitlines() if line.lstrip().startswith(("-i", "--index", "--extra"))] == []
        assert [str(p.requirement) for p in pins(environment) if p.requirement.url] == []

    @pytest.mark.parametrize("python", PYTHONS)
    def test_it_satisfies_what_the_packages_ask_for(self, environment: str, python: str) -> None:
        """Each dependency in a package's pyproject.toml is pinned at a version it admits, and so is what builds it."""
        versions = installed(environment, python)
        projects = [pyproject(folder) for folder in ENVIRONMENTS[environment]]
        asked = [Requirement(line) for project in projects for line in project["project"]["dependencies"]]
        if environment in {"build", "dev"}:
            backends = [line for folder in PACKAGES for line in pyproject(folder)["build-system"]["requires"]]
            asked += [Requirement(line) for line in (*backends, "editables")]
        needed = [r for r in asked if r.marker is None or r.marker.evaluate({"python_version": python})]
        unmet = [
            str(r)
            for r in needed
            if r.name not in OWN_PACKAGES
            and not r.specifier.contains(versions.get(canonicalize_name(r.name), ""), prereleases=True)
        ]

        assert unmet == []


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_package_declares_what_it_imports(folder: str) -> None:
    """What only came with something else may be gone with that one's next release. Tests and tools need more."""
    project = pyproject(folder)["project"]
    extras = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    declared = {canonicalize_name(Requirement(line).name) for line in (*project["dependencies"], *extras)}
    modules = [path for path in modules_of(folder) if not {"unit_tests", "tests", "tools"} & set(path.parts)]

    assert modules
    assert undeclared(modules, ROOT / folder, declared) == set()


@pytest.mark.parametrize("folder", TEST_FOLDERS)
def test_what_is_not_a_package_imports_only_what_the_development_file_names(folder: str) -> None:
    """``requirements/dev.in`` and the files it includes; this repository's own packages and folders beside them."""
    lines = [
        line.partition("#")[0].strip()
        for name in ("dev", "build", "source", "destination")
        for line in (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    ]
    declared = {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("-")}
    own = {pyproject(package)["project"]["name"] for package in PACKAGES}

    assert undeclared(modules_of(folder), ROOT / folder, declared | own, TEST_FOLDERS) == set()


def modules_of(folder: str) -> list[Path]:
    """All modules below a folder."""
    return [path for path in tracked_files() if path.suffix == ".py" and path.is_relative_to(ROOT / folder)]


def undeclared(modules: list[Path], folder: Path, declared: Iterable[str], beside: Iterable[str] = ()) -> set[str]:
    """The packages that ``modules`` import from elsewhere than their own folder, and nobody has declared."""
    own = {part.removesuffix(".py") for path in modules for part in path.relative_to(folder).parts} | set(beside)
    names = {name.split(".")[0] for module in modules for name in imported(module)}
    # What is installed editable names no modules of its own.
    ours = {folder.replace("-", "_"): [pyproject(folder)["project"]["name"]] for folder in PACKAGES}
    providers = {**packages_distributions(), **ours}

    return {
        name
        for name in names - own - sys.stdlib_module_names - IMPORTED_ELSEWHERE
        if set(declared).isdisjoint(canonicalize_name(provider) for provider in providers.get(name, [name]))
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("environment", ["build", "source", "destination", "simulator"])
def test_what_is_tested_is_what_an_image_holds(environment: str, python: str) -> None:
    """Every package that an image holds, or that builds it, has the same version in the environment of the tests.

    But for those that PyAirbyte does not admit where the images need them (requirements/lock.sh says why):
    the tests of images run the commands with these.
    """
    tested = installed("dev", python)
    other = {
        name: (version, tested.get(name))
        for name, version in installed(environment, python).items()
        if tested.get(name) != version and name not in DIFFERS
    }

    assert other == {}


@pytest.mark.parametrize("environment", ["source", "destination"])
class TestImages:
    """What the images hold is what their packages need, and no more."""

    def test_they_hold_nothing_that_is_left_out(self, environment: str) -> None:
        left_out = set(names_in("left-out"))

        assert len(left_out) > 10
        assert {canonicalize_name(pin.requirement.name) for pin in pins(environment)} & left_out == set()

    def test_they_hold_the_releases_in_which_something_is_mended(self, environment: str) -> None:
        floors = [Requirement(line) for line in names_in("image-floors")]
        held = {canonicalize_name(pin.requirement.name): pin.requirement for pin in pins(environment)}

        assert floors
        for floor in floors:
            [version] = [specifier.version for specifier in held[canonicalize_name(floor.name)].specifier]
            assert floor.specifier.contains(version)


def test_images_stand_on_one_that_is_named_by_its_digest() -> None:
    """A tag can be moved to another image; a digest can't."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^ARG BASE_IMAGE=(.+)$", dockerfile, flags=re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, flags=re.MULTILINE))
    used = set(re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE))

    assert len(bases) == 1
    assert re.fullmatch(r"[\w./:-]+@sha256:[0-9a-f]{64}", bases[0])
    assert used - stages == {"${BASE_IMAGE}"}


def names_in(file: str) -> list[str]:
    """The entries of a file in ``requirements/``, without comments."""
    lines = (ROOT / "requirements" / f"{file}.txt").read_text(encoding="utf-8").splitlines()
    return [entry for line in lines if (entry := line.partition("#")[0].strip())]


@pytest.mark.parametrize(
    "package,may_not_import",
    [
        (
            "connector-cli/connector_cli",
            {
                "airbyte_cdk",
                "airbyte",
                "mailchimp_api",
                "source_mailchimp",
                "destination_mailchimp",
                "mailchimp_simulator",
            },
        ),
        (
            "mailchimp-api/mailchimp_api",
            {
                "airbyte_cdk",
                "airbyte",
                "connector_cli",
                "source_mailchimp",
                "destination_mailchimp",
                "mailchimp_simulator",
            },
        ),
        ("source-mailchimp/source_mailchimp", {"destination_mailchimp", "mailchimp_simulator"}),
        ("destination-mailchimp/destination_mailchimp", {"source_mailchimp", "mailchimp_simulator"}),
        (
            "mailchimp-simulator/mailchimp_simulator",
            {"airbyte_cdk", "mailchimp_api", "source_mailchimp", "destination_mailchimp"},
        ),
    ],
)
def test_nothing_imports_upward(package: str, may_not_import: set[str]) -> None:
    """The shared packages know no connector, a connector not the other, and the simulator none of them."""
    modules = list((ROOT / package).rglob("*.py"))
    upward = [
        f"{module.relative_to(ROOT)}: {name}"
        for module in modules
        for name in imported(module)
        if name.split(".")[0] in may_not_import
    ]

    assert modules
    assert upward == []


def test_no_file_names_a_package_registry_or_somebodys_machine() -> None:
    """The repository installs from any mirror and on any machine, so no file names one."""
    # Put together here, so that this file does not name them either.
    hosts = [
        ".".join(parts)
        for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"))
    ]
    homes = ["/" + folder + "/" for folder in ("root", "home")]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if any(name in line for name in (*hosts, *homes))
    ]

    assert found == []


@pytest.mark.parametrize(
    "folder",
    [
        *(f"{name}/{name.replace('-', '_')}" for name in PACKAGES),
        *TEST_FOLDERS,
    ],
)
def test_no_modules_import_each_other_in_a_circle(folder: str) -> None:
    """File by file, wherever in a file the import stands, for types only or not."""
    base = (ROOT / folder).parent
    names = {name_of(path, base): path for path in (ROOT / folder).rglob("*.py")}
    graph = {
        name: {found for target in imported_names(path) if (found := owner(target, names)) and found != name}
        for name, path in names.items()
    }

    assert len(graph) > 1
    assert circles(graph) == []


def test_a_circle_would_be_found() -> None:
    """Or the test above would prove nothing."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def name_of(path: Path, base: Path) -> str:
    """The dotted name of a module."""
    return ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")


def imported_names(module: Path) -> set[str]:
    """Everything that a file imports: modules, and names that may be modules."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def owner(target: str, names: Mapping[str, Path]) -> str | None:
    """The module of ``names`` that ``target``, a module or a name in one, comes from."""
    while target and target not in names:
        target = target.rpartition(".")[0]
    return target or None


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other, sorted."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        reach[start] = seen
    groups = {tuple(sorted(b for b in reach[a] if a in reach.get(b, set()))) for a in graph if a in reach[a]}
    return [list(group) for group in sorted(groups)]
