"""Connectors as the platform starts them: the files of a command in a folder, the messages on standard output."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Protocol, cast

import orjson
from typing_extensions import Self

from integration_tests.harness.runs import Run

Json = dict[str, Any]
_RUN_SECONDS = 280.0


class Piped(Protocol):
    """A process of ``subprocess.Popen`` whose pipes are there; ``stdin`` only if it was asked for."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    returncode: int
    pid: int

    def __enter__(self) -> Self:
        """Close the pipes and wait at the end."""

    def __exit__(self, *error: object) -> None:
        """Close the pipes and wait."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end: the exit code."""

    def poll(self) -> int | None:
        """The exit code, if it has ended."""

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002
        """Feed it and read all it prints."""

    def send_signal(self, sig: int) -> None:
        """Send a signal."""

    def kill(self) -> None:
        """Kill it."""


class Running:
    """A connector under way. Its output is read as it comes, so that no full pipe holds it up."""

    def __init__(
        self, process: subprocess.Popen[bytes], stop: Callable[[], object], finish: Callable[[], None]
    ) -> None:
        """``stop`` asks it to end, as the platform does; ``finish`` cleans up after it."""
        self.process = process
        self.stop = stop
        self.lines: list[bytes] = []
        self._finish = finish
        self._began = time.monotonic()
        self._errors: list[bytes] = []
        self._seen = threading.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._collect, args=(process.stdout, self.lines), daemon=True),
            threading.Thread(target=self._collect, args=(process.stderr, self._errors), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, text: bytes, times: int = 1, seconds: float = 60) -> None:
        """Wait until ``count`` lines contain ``text``. Raises TimeoutError."""
        with self._seen:
            if not self._seen.wait_for(lambda: sum(text in line for line in self.lines) >= times, seconds):
                raise TimeoutError(f"{text!r} did not come; last: {self.lines[-3:]}, {self._errors[-5:]}")

    def feed(self, lines: Iterable[bytes] | bytes, *, close: bool = True) -> None:
        """Write lines to standard input, or bytes as they are; a connector that has gone away is no error here."""
        assert self.process.stdin is not None
        try:
            for part in [lines] if isinstance(lines, bytes) else (line + b"\n" for line in lines):
                self.process.stdin.write(part)
            self.process.stdin.flush()
        except BrokenPipeError:
            close = True
        if close:
            self._close_input()

    def end(self, seconds: float = _RUN_SECONDS) -> Run:
        """Wait for its end. Raises subprocess.TimeoutExpired, and kills it, after ``seconds``."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._close_input()
            for reader in self._readers:
                reader.join(10)
            self._finish()
        stderr = b"\n".join(self._errors).decode(errors="replace")
        return Run(code, self.lines, stderr, time.monotonic() - self._began)

    def _close_input(self) -> None:
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def _collect(self, pipe: Any, lines: list[bytes]) -> None:
        with pipe:
            for line in pipe:
                with self._seen:
                    lines.append(line.rstrip(b"\n"))
                    self._seen.notify_all()


class Connector(ABC):
    """A connector that can be run any number of times. ``folder``: where the files of its commands go."""

    def __init__(self, folder: Path) -> None:
        # A connector begins in a folder of its own, where a relative path would lead elsewhere.
        self.folder = folder.resolve()

    def start(self, command: str, *, stdin: bool = False, **files: Any) -> Running:
        """Start ``command`` (spec, check, discover, read, write) with the ``files`` it takes, as in ``arguments``."""
        folder = self._new_folder()
        return self.launch(self.arguments(command, folder, **files), folder, stdin=stdin)

    def arguments(
        self,
        command: str,
        folder: Path,
        *,
        config: Json | None = None,
        catalog: Json | None = None,
        state: list[Json] | None = None,
        more: Iterable[str] = (),
    ) -> list[str]:
        """The arguments of ``command``, with the files it takes made in ``folder``; ``more``: further arguments."""
        arguments = [command]
        for name, content in (("config", config), ("catalog", catalog), ("state", state)):
            if content is not None:
                path = folder / f"{name}.json"
                path.write_bytes(orjson.dumps(content))
                path.chmod(0o644)
                arguments += [f"--{name}", self.seen_as(path)]
        return [*arguments, *more]

    def _new_folder(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        # A container's user is not ours.
        folder.chmod(0o755)
        return folder

    def run(
        self, command: str, *, stdin: Iterable[bytes] | bytes | None = None, seconds: float = _RUN_SECONDS, **files: Any
    ) -> Run:
        """Run ``command`` to its end; ``stdin``: what to feed it, as in ``Running.feed``."""
        running = self.start(command, stdin=stdin is not None, **files)
        if stdin is not None:
            running.feed(stdin)
        return running.end(seconds)

    def streams(self, config: Json) -> list[Json]:
        """What ``discover`` says."""
        catalog: Json = self.run("discover", config=config).succeeded().only("CATALOG")
        streams: list[Json] = catalog["streams"]
        return streams

    @abstractmethod
    def seen_as(self, path: Path) -> str:
        """The path under which the connector finds a file of its folder."""

    @abstractmethod
    def launch(self, arguments: list[str], folder: Path, *, stdin: bool) -> Running:
        """Start the connector with ``arguments``."""


class Installed(Connector):
    """A connector as it is installed beside this Python: its console script."""

    def __init__(self, name: str, folder: Path) -> None:
        """``name``: the console script."""
        super().__init__(folder)
        self.script = Path(sys.executable).parent / name

    def seen_as(self, path: Path) -> str:
        """The path itself."""
        return str(path)

    def command_line(self, command: str, **files: Any) -> list[str]:
        """The whole command line, its files in place: for whoever measures or watches the process by themselves."""
        return [str(self.script), *self.arguments(command, self._new_folder(), **files)]

    def open(self, command: str, *, stdin: bool = False, **files: Any) -> Piped:
        """Start ``command`` with its pipes left to the caller: for tests of what happens when nobody reads them."""
        folder = self._new_folder()
        return cast("Piped", self._open(self.arguments(command, folder, **files), folder, stdin=stdin))

    def launch(self, arguments: list[str], folder: Path, *, stdin: bool) -> Running:
        """Start the console script."""
        process = self._open(arguments, folder, stdin=stdin)
        return Running(process, lambda: process.send_signal(signal.SIGTERM), lambda: None)

    def _open(self, arguments: list[str], folder: Path, *, stdin: bool) -> subprocess.Popen[bytes]:
        # Compiled once and kept: a process starts in a third of the time.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(
            [str(self.script), *arguments],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
        )


class Container(Connector):
    """A connector's image. ``options``: of ``docker run``, beside what every run here has."""

    # As strict as a cluster may be: nothing here may need more.
    HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")  # noqa: S108 - inside
    _MOUNT = "/config"

    def __init__(self, image: str, folder: Path, options: Iterable[str] = HARDENED) -> None:
        """``image``: name and tag of an image that is there already."""
        super().__init__(folder)
        self.image = image
        self.options = list(options)
        self.docker = os.environ.get("DOCKER", "docker")
        self.killed_for_memory = False  # whether the one that ended last was

    def seen_as(self, path: Path) -> str:
        """Its place below the mounted folder."""
        return f"{self._MOUNT}/{path.name}"

    def launch(self, arguments: list[str], folder: Path, *, stdin: bool) -> Running:
        """Start a container; ``Running.stop`` is ``docker stop``."""
        name = f"mailchimp-test-{os.getpid()}-{id(self)}-{folder.name}"
        command = [self.docker, "run", "--name", name, "--pull", "never", "--network", "host"]
        command += ["--volume", f"{folder}:{self._MOUNT}:ro", *(["--interactive"] if stdin else []), *self.options]
        process = subprocess.Popen(
            [*command, self.image, *arguments],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Running(process, lambda: self._call("stop", name), lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        self.killed_for_memory = self._call("inspect", "--format", "{{.State.OOMKilled}}", name).strip() == "true"
        self._call("rm", "--force", name)

    def _call(self, *arguments: str) -> str:
        done = subprocess.run([self.docker, *arguments], capture_output=True, text=True, check=False, timeout=60)
        return done.stdout
