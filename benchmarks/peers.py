"""Those we are compared with, each in an environment of its own, all against the same simulator.

- Airbyte's official connector: the manifest it is published with, run by `source-declarative-manifest`, with the
  simulator's address in it and a number of workers (its own entry point fails with this CDK; newer versions
  of it have `concurrency_level`).
- Singer's `tap-mailchimp`.
- A bare loop of requests and orjson, see ``benchmarks.floor``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.connector import Source
from benchmarks.measure import Cost, Json, latest_states, run
from mailchimp_simulator.client import Simulator

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "benchmarks"

OFFICIAL = "airbyte-source-mailchimp==2.0.37"
OFFICIAL_CDK = "airbyte-cdk==7.39.1"
# A package of Airbyte's has the same name as ours: nothing of this repository must reach its environment.
_ALONE = {"PYTHONPATH": ""}
# The manifest names a class of its package.
_UNSAFE = {**_ALONE, "AIRBYTE_ENABLE_UNSAFE_CODE": "true"}
SINGER = "tap-mailchimp==1.3.3"


class NotInstalled(Exception):
    """A peer could not be installed; its columns stay empty."""


@dataclass(frozen=True)
class Task:
    """What to read, by the official names; ``state``: what ``Peer.state_of`` gave. The rest as in ``measure.run``."""

    streams: tuple[str, ...] = ("list_members",)
    mode: str = "full_refresh"
    state: Any = None
    on_record: Callable[[bytes], None] | None = None
    stop_after: float | None = None


class Peer(ABC):
    """A connector under comparison. ``label``: for tables; ``streams``: those it has of the official twelve.

    ``about``: a sentence that says what it is, with versions. ``home``: its environment, None for this one.
    """

    label: str
    about: str
    streams: tuple[str, ...] = ()
    home: Path | None = None

    @abstractmethod
    def read(self, simulator: Simulator, folder: Path, task: Task) -> Cost:
        """Read from ``simulator``, which counts from zero; files go into ``folder``."""

    @abstractmethod
    def start(self) -> Cost:
        """A run that does nothing: what the others take before their first request."""

    def state_of(self, cost: Cost) -> Any:
        """What the next sync is given."""
        return latest_states(cost.states)

    @property
    def incremental(self) -> bool:
        """Whether it can go on from a state."""
        return True

    def installed(self) -> list[str]:
        """The packages of its environment, with versions."""
        python = self.home / "bin" / "python" if self.home else sys.executable
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "list", "--format", "freeze"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return sorted(line for line in output.splitlines() if not line.startswith("#"))


OFFICIAL_STREAMS = (
    "automations",
    "campaigns",
    "lists",
    "reports",
    "list_members",
    "segments",
    "segment_members",
    "tags",
    "interest_categories",
    "interests",
    "unsubscribes",
    "email_activity",
)


class Ours(Peer):
    """This repository's connector."""

    label = "this connector"
    about = "This repository's source-mailchimp with ten workers."
    streams = OFFICIAL_STREAMS

    def read(self, simulator: Simulator, folder: Path, task: Task) -> Cost:
        """See ``Peer``."""
        return Source(simulator, folder).read(
            task.streams, mode=task.mode, state=task.state, on_record=task.on_record, stop_after=task.stop_after
        )

    def start(self) -> Cost:
        """See ``Peer``."""
        return run([Path(sys.executable).parent / "source-mailchimp", "spec"])


class Official(Peer):
    """Airbyte's own connector, with this number of workers."""

    streams = OFFICIAL_STREAMS

    def __init__(self, workers: int) -> None:
        self.label = f"Airbyte's, {workers} workers"
        self.about = (
            f"Airbyte's official connector: the manifest of `{OFFICIAL}`, "
            f"run by `source-declarative-manifest` of `{OFFICIAL_CDK}` with {workers} workers."
        )
        self._workers = workers
        self.home = self._home = environment("airbyte", OFFICIAL, OFFICIAL_CDK)
        package = next(self._home.glob("lib/python*/site-packages/source_mailchimp"))
        self._manifest: Json = yaml.safe_load((package / "manifest.yaml").read_text(encoding="utf-8"))
        self._catalog: dict[str, Json] = {}

    def read(self, simulator: Simulator, folder: Path, task: Task) -> Cost:
        """See ``Peer``."""
        arguments = self._arguments(simulator.api_url, folder, simulator.api_key)
        self._discover(arguments)
        catalog = {
            "streams": [
                {
                    "stream": self._catalog[name],
                    "sync_mode": task.mode
                    if task.mode in self._catalog[name]["supported_sync_modes"]
                    else "full_refresh",
                    "destination_sync_mode": "append",
                }
                for name in task.streams
            ]
        }
        command = [*self._command("read", arguments), "--catalog", _file(folder, "catalog", catalog)]
        if task.state is not None:
            command += ["--state", _file(folder, "state", task.state)]
        simulator.control.reset_stats()
        return self._run(command, on_record=task.on_record, stop_after=task.stop_after)

    def start(self) -> Cost:
        """See ``Peer``."""
        folder = CACHE / "files"
        arguments = self._arguments("http://127.0.0.1:9/3.0", folder, "0-us1")
        return self._run(self._command("spec", arguments[2:]))

    def _arguments(self, api_url: str, folder: Path, key: str) -> list[str | Path]:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._manifest).replace("https://{{ config['data_center'] }}.api.mailchimp.com/3.0", api_url)
        manifest = json.loads(text)
        manifest["spec"] = {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}}
        workers = {"default_concurrency": self._workers, "max_concurrency": self._workers}
        manifest["concurrency_level"] = {"type": "ConcurrencyLevel", **workers}
        config = {"credentials": {"auth_type": "apikey", "apikey": key}, "data_center": "us10"}
        return ["--config", _file(folder, "config", config), "--manifest-path", _file(folder, "manifest", manifest)]

    def _command(self, name: str, arguments: list[str | Path]) -> list[str | Path]:
        return [self._home / "bin" / "source-declarative-manifest", name, *arguments]

    def _discover(self, arguments: list[str | Path]) -> None:
        if self._catalog:
            return
        output = subprocess.run(
            [str(part) for part in self._command("discover", arguments)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **_UNSAFE},
        ).stdout
        catalog = next(json.loads(line)["catalog"] for line in output.splitlines() if '"CATALOG"' in line)
        self._catalog = {stream["name"]: stream for stream in catalog["streams"]}

    def _run(self, command: list[str | Path], **options: Any) -> Cost:
        return run(command, keep_states=True, environment=_UNSAFE, **options)


class Singer(Peer):
    """Singer's tap. It gets email activity from `/batches`, which the simulator doesn't play."""

    label = "Singer's tap-mailchimp"
    about = (
        f"Singer's `{SINGER}`. It gets email activity from Mailchimp's batch queue, which the simulator does not play."
    )
    streams = ("automations", "campaigns", "lists", "list_members", "segments", "segment_members", "unsubscribes")
    _names: Mapping[str, str] = {"segments": "list_segments", "segment_members": "list_segment_members"}

    def __init__(self) -> None:
        self.home = self._home = environment("singer", SINGER)

    def read(self, simulator: Simulator, folder: Path, task: Task) -> Cost:
        """See ``Peer``."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"api_key": simulator.api_key, "dc": "us10", "start_date": "2000-01-01T00:00:00Z"}
        command = [*self._command(simulator.base_url), "--config", _file(folder, "config", config)]
        discovered = subprocess.run(
            [str(part) for part in (*command, "--discover")], check=True, capture_output=True, text=True
        ).stdout
        wanted = {self._names.get(name, name) for name in task.streams}
        catalog = json.loads(discovered)
        for stream in catalog["streams"]:
            others = [entry for entry in stream["metadata"] if entry["breadcrumb"]]
            root = {"breadcrumb": [], "metadata": {"selected": stream["tap_stream_id"] in wanted}}
            stream["metadata"] = [root, *others]
        command += ["--catalog", _file(folder, "catalog", catalog)]
        if task.state is not None:
            command += ["--state", _file(folder, "state", task.state)]
        simulator.control.reset_stats()
        return run(command, keep_states=True, environment=_ALONE, on_record=task.on_record, stop_after=task.stop_after)

    def state_of(self, cost: Cost) -> Any:
        """See ``Peer``."""
        return cost.states[-1] if cost.states else {}

    def start(self) -> Cost:
        """See ``Peer``."""
        return run([self._home / "bin" / "python", "-c", "import tap_mailchimp"])

    def _command(self, url: str) -> list[str | Path]:
        return [self._home / "bin" / "python", Path(__file__).parent / "singer_tap.py", url]


class Floor(Peer):
    """The bare loop: contacts only, full refresh only."""

    label = "bare loop"
    about = "Requests and orjson, one page after the other, without state, checks or retries: a floor, not a connector."
    streams = ("list_members",)

    def read(self, simulator: Simulator, folder: Path, task: Task) -> Cost:  # noqa: ARG002 - it needs no files
        """See ``Peer``."""
        simulator.control.reset_stats()
        command = [sys.executable, "-m", "benchmarks.floor", simulator.api_url, simulator.api_key]
        return run(command, on_record=task.on_record, stop_after=task.stop_after)

    @property
    def incremental(self) -> bool:
        """See ``Peer``."""
        return False

    def start(self) -> Cost:
        """See ``Peer``."""
        return run([sys.executable, "-c", "import requests, orjson"])


def environment(name: str, *requirements: str) -> Path:
    """A virtual environment with ``requirements``, made the first time. Raises NotInstalled without a package index."""
    home = CACHE / name
    wanted = "\n".join([*requirements, sys.version])
    stamp = home / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return home
    print(f"… installing {', '.join(requirements)} into an environment of its own", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True, capture_output=True)
        pip: list[str | Path] = [home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        subprocess.run([*pip, *requirements], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:]
        raise NotInstalled(f"{requirements[0]} could not be installed: {' '.join(last)}") from None
    stamp.write_text(wanted, encoding="utf-8")
    return home


def all_peers(*, others: bool = True) -> tuple[list[Peer], list[str]]:
    """Everybody that can be had here, ourselves first, and what to say about those who can't.

    Without ``others`` nothing is installed: ourselves and the bare loop.
    """
    peers: list[Peer] = [Ours()]
    missing: list[str] = []
    if not others:
        return [*peers, Floor()], missing

    def add(make: Callable[[], Peer]) -> None:
        try:
            peers.append(make())
        except NotInstalled as reason:
            missing.append(str(reason))

    add(lambda: Official(6))
    add(lambda: Official(10))
    add(Singer)
    return [*peers, Floor()], missing


def _file(folder: Path, name: str, content: object) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
