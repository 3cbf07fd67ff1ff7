"""Start a simulator in a process of its own and talk to its control endpoint, from tests and benchmarks.

Needs nothing but the standard library, so that a benchmark's own process stays small.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from mailchimp_simulator.settings import DEFAULT_API_KEY, DEFAULT_OAUTH_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

Json = dict[str, Any]
MEMBERS = "/lists/{list_id}/members"
_START_SECONDS = 60


class ControlError(Exception):
    """The control endpoint refused a command."""


class Control:
    """The control endpoint of a running simulator. Any command can be called by its name as well."""

    def __init__(self, url: str) -> None:
        """`url`: where the simulator listens."""
        self.url = url.rstrip("/")

    def call(self, name: str, /, **arguments: Any) -> Json:
        """Send a command. Raises ControlError if it is refused."""
        return self.send(name, arguments)

    def send(self, name: str, arguments: Json) -> Json:
        """Send a command whose arguments are not names of Python."""
        request = urllib.request.Request(  # noqa: S310 -- http on loopback
            f"{self.url}/__control__/{name}", data=json.dumps(arguments).encode(), method="POST",
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310
                answer: Json = json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise ControlError(f"{name}: {error.read().decode()}") from None
        return answer

    def stats(self) -> Json:
        """Counts since the last `reset_stats`."""
        return self.call("stats")

    def reset_stats(self) -> None:
        """Count from zero."""
        self.call("reset_stats")

    def log(self, path: str = "") -> list[list[Any]]:
        """Requests: start, end, method, path, query, status (0: none), rows. `path`: only those containing it."""
        entries: list[list[Any]] = self.call("log", path=path)["log"]
        return entries

    def ground_truth(self, path: str, detail: str = "count", parents: list[str] | None = None) -> Json:
        """What a collection really holds: `detail` count, digest, keys or rows."""
        return self.call("ground_truth", path=path, detail=detail, parents=parents)

    def contact(self, list_id: str, digest: str) -> Json:
        """A contact as it really is."""
        return self.call("contact", list_id=list_id, hash=digest)

    def fault(self, kind: str, path: str | None = None, **options: Any) -> Json:
        """Add a rule (see README: kinds and options)."""
        return self.call("fault", kind=kind, path=path, **options)

    def latency(self, seconds: float = 0, seconds_per_row: float = 0, path: str | None = None, **options: Any) -> Json:
        """Let answers take so long."""
        return self.call("latency", seconds=seconds, seconds_per_row=seconds_per_row, path=path, **options)

    def faults(self) -> list[Json]:
        """All rules and how often they matched and applied."""
        rules: list[Json] = self.call("faults")["faults"]
        return rules

    def clear_faults(self) -> None:
        """Forget all rules, latencies too."""
        self.call("clear_faults")

    def clock(self, **options: Any) -> int:
        """`advance`, `set`, `freeze`; the time, in seconds since 1970."""
        return int(self.call("clock", **options)["now"])

    def rows(self, counts: dict[str, int | None]) -> None:
        """The exact number of rows per parent, by path template."""
        self.send("rows", counts)

    def facts(self, **readings: Any) -> Json:
        """Choose readings of open facts; all of them."""
        return self.call("facts", **readings)

    def drift(self, per_request: float, **options: Any) -> None:
        """Change this many contacts per page of members served."""
        self.call("drift", per_request=per_request, **options)

    def change(self, kind: str, **options: Any) -> list[Json]:
        """Change contacts now (`count`, or `emails`; `list_id`)."""
        changed: list[Json] = self.call("change", kind=kind, **options)["changed"]
        return changed

    def person(self, do: str, path: str | None = None, **options: Any) -> Json:
        """Let a person (`emails`, in `list_id`) do something before or after (`when`) a request that matches."""
        return self.call("fault", kind="person", do=do, path=path, **options)

    def contact_fault(self, emails: list[str], **options: Any) -> Json:
        """Addresses that are refused (`text`, `field`, `message`, `title`), or answered 500 (`status`)."""
        return self.call("contact_fault", emails=emails, **options)

    def unlist(self, list_id: str, emails: list[str], **options: Any) -> Json:
        """Contacts that listings count and never show."""
        return self.call("unlist", list_id=list_id, emails=emails, **options)

    def set(self, path: str, **fields: Any) -> None:
        """Lay fields over an object or a contact."""
        self.call("set", path=path, fields=fields)

    def add_events(self, campaigns: int | list[str] = 1, **options: int) -> Json:
        """New events in sent campaigns: opens, clicks, bounces, unsubscribes; dated `ago`, listed `rows_after`."""
        return self.call("add_events", campaigns=campaigns, **options)

    def delete(self, path: str) -> None:
        """Make an object vanish."""
        self.call("delete", path=path)

    def forbid(self, *paths: str) -> None:
        """Paths that the account's plan lacks."""
        self.call("forbid", paths=list(paths))

    def user(self, name: str, **options: Any) -> Json:
        """A user: keys, disabled, forbidden."""
        return self.call("user", name=name, **options)

    def key(self, key: str, *, disabled: bool = True) -> None:
        """A key that was disabled, or is good again."""
        self.call("key", key=key, disabled=disabled)

    def data_center(self, linked_to: str | None) -> None:
        """All keys are linked to another data center, or (None) to this one."""
        self.call("data_center", linked_to=linked_to)

    def settings(self) -> Json:
        """What the simulator was started with, and the key."""
        return self.call("settings")

    def limit(self, connections: int) -> None:
        """How many connections at once."""
        self.call("limit", connections=connections)

    def reset(self) -> None:
        """The seeded account again, without faults and counts."""
        self.call("reset")


class Simulator:
    """A running simulator: its addresses, its key and its control."""

    def __init__(self, url: str) -> None:
        """`url`: such as `http://127.0.0.1:8080`."""
        self.base_url = url.rstrip("/")
        self.api_url = f"{self.base_url}/3.0"
        self.control = Control(self.base_url)
        self.api_key = DEFAULT_API_KEY
        self.oauth_token = DEFAULT_OAUTH_TOKEN


class SimulatorProcess(Simulator):
    """Starts a simulator as a context manager: `with SimulatorProcess(contacts=1000) as simulator: …`.

    Keyword arguments are the options of the command line (`all_sent=True` is `--all-sent`; `fact=["a=b"]` repeats).
    """

    def __init__(self, **options: Any) -> None:
        """Start nothing yet."""
        self.arguments: list[str] = []
        for name, value in options.items():
            option = f"--{name.replace('_', '-')}"
            if value is True:
                self.arguments.append(option)
            elif isinstance(value, list | tuple):
                self.arguments += [part for item in value for part in (option, str(item))]
            elif value is not None and value is not False:
                self.arguments += [option, str(value)]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start it and wait until it listens. Raises RuntimeError if it does not."""
        command = [sys.executable, "-m", "mailchimp_simulator", *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulator ended with {self.process.wait(_START_SECONDS)}")
        super().__init__(json.loads(line)["url"])
        return self

    def stop(self) -> None:
        """End the process."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another thread or process brings about. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {seconds} s")
        time.sleep(0.02)


def mean_in_flight(log: list[list[Any]], begin: float, end: float) -> float:
    """The mean number of requests in flight between two moments of a log."""
    if end <= begin:
        return 0.0
    area = sum(max(0.0, min(float(entry[1]), end) - max(float(entry[0]), begin)) for entry in log)
    return area / (end - begin)


def busy_window(log: list[list[Any]]) -> tuple[float, float]:
    """From the first page's answer to the last request's start."""
    return min(entry[1] for entry in log), max(entry[0] for entry in log)
