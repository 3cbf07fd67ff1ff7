"""The golden files: the version of a connector that was last agreed on, with its spec, catalog and states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tests.harness import Installed
from integration_tests.harness.compatibility.catalogs import catalog_breaks, catalog_summary
from integration_tests.harness.compatibility.specs import spec_breaks
from integration_tests.harness.repository import ROOT, version_of

Json = dict[str, Any]
_FOLDER = ROOT / "integration_tests" / "repository" / "golden"
# ``discover`` of the source asks nobody, so any key will do.
_CONFIG = {"credentials": {"auth_type": "apikey", "apikey": "0-us1"}}


@dataclass(frozen=True)
class Golden:
    """A connector as its users know it. ``catalog``: a summary; empty for a destination."""

    version: str
    spec: Json
    catalog: Json

    @classmethod
    def load(cls, connector: str) -> Golden:
        """What was last agreed on."""
        folder = _FOLDER / connector
        catalog = folder / "catalog.json"
        return cls(
            version=(folder / "version.txt").read_text(encoding="utf-8").strip(),
            spec=_read(folder / "spec.json"),
            catalog=_read(catalog) if catalog.exists() else {},
        )

    def save(self, connector: str) -> None:
        """Agree on this."""
        folder = _FOLDER / connector
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "version.txt").write_text(f"{self.version}\n", encoding="utf-8")
        _write(folder / "spec.json", self.spec)
        if self.catalog:
            _write(folder / "catalog.json", self.catalog)


def current(connector: str, folder: Path) -> Golden:
    """The connector as it is now. ``folder``: where its runs may put their files."""
    process = Installed(connector, folder)
    catalog = catalog_summary(process.streams(_CONFIG)) if connector.startswith("source") else {}
    return Golden(version_of(connector), process.run("spec").succeeded().only("SPEC"), catalog)


def breaks(before: Golden, now: Golden) -> list[str]:
    """Everything that somebody with a saved configuration or connection would stumble over."""
    return [*spec_breaks(before.spec, now.spec), *catalog_breaks(before.catalog, now.catalog)]


def may_break(before: str, now: str) -> bool:
    """Whether the version says that something breaks: 1.4.2 → 2.0.0, and before 1.0.0 also 0.1.3 → 0.2.0."""
    old, new = ([int(part) for part in version.split(".")] for version in (before, now))
    return new[0] > old[0] or (old[0] == new[0] == 0 and new[1] > old[1])


def _read(path: Path) -> Json:
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def _write(path: Path, content: Json) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
