"""`make demo`: reads a simulated Mailchimp account into DuckDB, asks it questions, and writes contacts back.

The simulator runs on loopback; PyAirbyte runs the real commands `source-mailchimp` and `destination-mailchimp`.
Merge fields come with their types, and where dbt is there, dbt-mailchimp makes its marts of the tables.
Exits with 1 if a single row is missing or a contact did not arrive.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

from integration_tests.harness import Installed, configured
from mailchimp_simulator.client import Simulator, SimulatorProcess
from source_mailchimp.reader.records import flattened_of
from source_mailchimp.stream import Paging, Stream
from source_mailchimp.streams import STREAMS

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
DBT = ROOT / ".venv-dbt" / "bin" / "dbt"
ACCOUNT = {"contacts": 800, "audiences": 3, "campaigns": 50, "recipients": 50}
"""How large the simulated account is, if nothing else is asked for."""
_LATENCY = 0.02  # seconds a request, so that ten connections have something to do
_TAG = "From the demo"
_CHANGED = 25
_ACTIVE = {"subscribed", "pending", "transactional"}  # who gets e-mails, or is asked whether to

QUESTIONS = {
    "Which campaigns were opened by most of those who got them?": """
        SELECT subject_line AS campaign, list_name AS audience, emails_sent AS sent,
               printf('%.1f %%', 100.0 * CAST(opens ->> 'unique_opens' AS INT) / emails_sent) AS opened,
               printf('%.1f %%', 100.0 * CAST(clicks ->> 'unique_subscriber_clicks' AS INT) / emails_sent) AS clicked
        FROM reports WHERE emails_sent > 0
        ORDER BY CAST(opens ->> 'unique_opens' AS INT) / emails_sent DESC, subject_line LIMIT 5""",
    "How have the audiences grown?": """
        SELECT lists.name AS audience, year(timestamp_opt) AS "year", count(*) AS joined,
               count(*) FILTER (list_members.status = 'subscribed') AS "still subscribed"
        FROM list_members JOIN lists ON lists.id = list_members.list_id
        WHERE timestamp_opt IS NOT NULL GROUP BY ALL ORDER BY audience, "year" """,
    "What do merge fields say? (with their types, by the option merge_fields: typed)": """
        SELECT lists.name AS audience, coalesce(merge_fields ->> 'PLAN', '') AS plan, count(*) AS contacts,
               round(avg(CAST(merge_fields ->> 'POINTS' AS DOUBLE))) AS "points on average",
               max(CAST(merge_fields ->> 'JOINED' AS DATE)) AS "last joined"
        FROM list_members JOIN lists ON lists.id = list_members.list_id
        WHERE merge_fields ->> 'PLAN' IS NOT NULL GROUP BY ALL ORDER BY audience, plan""",
    "Who are the most active subscribers?": """
        SELECT regexp_replace(any_value(email_address), '^(..)[^@]*', '\\1…') AS subscriber,
               count(*) FILTER (action = 'open') AS opens, count(*) FILTER (action = 'click') AS clicks,
               count(DISTINCT campaign_id) AS campaigns
        FROM email_activity GROUP BY email_id ORDER BY clicks * 3 + opens DESC, subscriber LIMIT 5""",
}


MART_STREAMS = {
    "automations", "campaigns", "email_activity", "list_members", "lists", "reports", "segment_members", "segments",
    "sent_to", "sub_reports", "unsubscribes",
}  # fmt: skip
MART = """
    SELECT name AS audience, subscribed_members AS subscribed, engaged_members AS engaged, campaigns_sent AS campaigns,
           printf('%.1f %%', 100 * open_rate) AS opened, printf('%.1f %%', 100 * click_rate) AS clicked,
           printf('%.1f %%', 100 * unsubscribe_rate) AS "unsubscribed"
    FROM mailchimp__lists WHERE campaigns_sent > 0 ORDER BY audience"""


def main() -> int:
    """Run the demo; 0 if every row is where it belongs."""
    options = _options()
    _prepare(options.folder)
    begun = time.monotonic()
    print(f"A simulated account: {options.contacts:,} contacts, 3 audiences, {options.campaigns} campaigns.\n")
    with SimulatorProcess(
        **{**ACCOUNT, "contacts": options.contacts, "campaigns": options.campaigns, "recipients": options.recipients}
    ) as simulator:
        simulator.control.latency(seconds=_LATENCY)
        demo = Demo(simulator, options.folder, options.streams)
        demo.read()
        wrong = demo.compare()
        demo.answer_questions()
        wrong += demo.write_back()
        wrong += demo.build_marts()
    print(
        f"\n{time.monotonic() - begun:.0f} seconds in all. The tables are in {demo.database}: ask them what you like.\n"
        "docs/relations.md shows how they are related, docs/fields says what is in them."
    )
    return 1 if wrong else 0


class Demo:
    """One account, one database; ``folder`` takes everything that is written. ``streams``: those to read."""

    def __init__(self, simulator: Simulator, folder: Path, streams: list[str]) -> None:
        self.simulator = simulator
        self.folder = folder
        self.streams = streams
        self.database = folder / "mailchimp.duckdb"
        self._access = {
            "credentials": {"auth_type": "apikey", "apikey": simulator.api_key},
            "api_url": simulator.base_url,
        }

    def read(self) -> None:
        """Read every stream into the database through PyAirbyte."""
        with Progress("importing PyAirbyte", self.simulator):
            self._ab = _pyairbyte()
        with Progress("starting source-mailchimp", self.simulator):
            self._source = self._ab.get_source(
                "source-mailchimp",
                config={**self._access, "num_workers": 10, "merge_fields": "typed"},
                local_executable=BIN / "source-mailchimp",
                streams=self.streams,
            )
            self._cache = self._ab.caches.DuckDBCache(db_path=str(self.database))
        streams = len(self.streams)
        with Progress(f"reading {streams} streams", self.simulator, then=f"storing {streams} tables"):
            self._source.read(cache=self._cache)

    def compare(self) -> int:
        """Print streams, rows and seconds; return how many streams differ from what the simulator holds."""
        rows, wrong, total = [], 0, 0
        for stream in (STREAMS[name] for name in self.streams):
            [(count, seconds)] = self.ask(
                f'SELECT count(*), epoch(max(_airbyte_extracted_at) - min(_airbyte_extracted_at)) FROM "{stream.name}"'  # noqa: S608 - a name of ours
            )[1]
            expected = rows_there(self.simulator, stream)
            wrong += count != expected
            total += count
            remark = "" if count == expected else f"the account holds {expected:,}"
            rows.append((stream.name, f"{count:,}", f"{seconds or 0:.1f}", remark))
        print()
        print_table(("stream", "rows", "seconds", ""), rows)
        verdict = "as many as the account holds" if not wrong else f"but {wrong} streams differ from the account"
        print(f"\n{total:,} rows in {len(rows)} tables: {verdict}.")
        return wrong

    def answer_questions(self) -> None:
        """Ask the database, except for what takes a table that was not read."""
        for question, query in QUESTIONS.items():
            print(f"\n{question}\n")
            if not self._have(*re.findall(r"\b(?:FROM|JOIN) (\w+)", query)):
                continue
            head, rows = self.ask(query)
            print_table(head, [[str(value) for value in row] for row in rows])

    def write_back(self) -> int:
        """Write the contacts of all audiences into the empty one; return how many are not there afterwards."""
        print("\nSome contacts change; then all of them go from DuckDB into the audience that has none.\n")
        if not self._have("lists", "list_members"):
            return 0
        control = self.simulator.control
        control.change("update", count=_CHANGED)
        control.clock(advance=60)
        with Progress("reading what has changed", self.simulator):
            contacts = self._source.read(cache=self._cache, streams=["list_members"])
        names = dict(self.ask("SELECT id, name FROM lists")[1])
        held = self.ask("SELECT DISTINCT list_id, lower(email_address) FROM list_members")[1]
        target = next(list_id for list_id in names if list_id not in {list_id for list_id, _ in held})
        with Progress(f"writing {len(held):,} contacts into “{names[target]}”", self.simulator):
            destination = self._ab.get_destination(
                "destination-mailchimp",
                config={**self._access, "list_id": target, "tags": _TAG, "status_field": "status"},
                local_executable=BIN / "destination-mailchimp",
            )
            destination.write(contacts, cache=False, state_cache=False)
        for line in self._said():
            print(f"\n{line}")
        print()
        with Progress("reading them back", self.simulator):
            found = self._members(target)
        statuses: dict[str, set[str]] = {}
        for address, status in self.ask("SELECT lower(email_address), status FROM list_members")[1]:
            statuses.setdefault(address, set()).add(status)
        return self._compare({address: held for address, held in statuses.items() if address}, found)

    def _have(self, *tables: str) -> bool:
        """Whether all ``tables`` were read; says so if not."""
        missing = sorted(set(tables) - set(self.streams))
        if missing:
            print(f"  Skipped: it takes {' and '.join(missing)}, not among the streams read.")
        return not missing

    def _compare(self, held: dict[str, set[str]], found: dict[str, str]) -> int:
        """Print what became of each status; return how many contacts are missing, or are back though they had left."""
        rows = Counter((" + ".join(sorted(was)), found.get(address, "not there")) for address, was in held.items())
        print()
        print_table(("was", "is now", "contacts"), [(*pair, f"{count:,}") for pair, count in sorted(rows.items())])
        missing = [address for address, was in held.items() if was & _ACTIVE and address not in found]
        back = [address for address, was in held.items() if not was & _ACTIVE and found.get(address) in _ACTIVE]
        print(
            f"\n{len(found):,} contacts read back; of those who get e-mails {len(missing):,} are missing, "
            f"of those who have left {len(back):,} are back."
        )
        return len(missing) + len(back)

    def build_marts(self) -> int:
        """Let dbt make marts of the tables, and show one; returns 1 if it fails."""
        if not DBT.exists() or not set(self.streams) >= MART_STREAMS:
            return 0
        print("\ndbt-mailchimp makes its marts of these tables. How do the audiences do?\n")
        self._cache.get_sql_engine().dispose()  # one process at a time may write into the file
        package = ROOT / "dbt-mailchimp"
        command: list[str | Path] = [DBT, "build", "--project-dir", package, "--profiles-dir", package]
        command += ["--target-path", self.folder.resolve() / "dbt", "--log-path", self.folder.resolve() / "dbt"]
        with Progress("dbt build", self.simulator):
            environment = {**os.environ, "MAILCHIMP_DUCKDB": str(self.database.resolve())}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout)
            return 1
        print()
        head, rows = self.ask(MART)
        print_table(head, [[str(value) for value in row] for row in rows])
        return 0

    def ask(self, query: str) -> tuple[list[str], list[Any]]:
        """Column names and rows."""
        with self._cache.get_sql_engine().connect() as connection:
            found = connection.exec_driver_sql(query)
            return [str(name) for name in found.keys()], [tuple(row) for row in found.fetchall()]  # noqa: SIM118

    def _said(self) -> list[str]:
        """What both connectors warn of, and what the destination says about every record; PyAirbyte logs it."""
        logs = sorted((self.folder / "logs").rglob("*-mailchimp-log-*.log"))
        lines = [line for path in logs for line in path.read_text(encoding="utf-8").splitlines()]
        wanted = re.compile(r"\bWARN|\bERROR|Stream \w+: \d+ (received =|skipped|rejected)")
        stamp = re.compile(r"^[\d:., -]*(INFO|WARN\w*|ERROR)?[ :-]*")
        found = list(dict.fromkeys(stamp.sub(r"\1 ", line).strip() for line in lines if wanted.search(line)))
        if not any("received = " in line for line in found):
            found.append("The destination has left no accounting.")
        return found

    def _members(self, list_id: str) -> dict[str, str]:
        """The statuses of an audience by address, read by source-mailchimp without anything in between."""
        installed = Installed("source-mailchimp", self.folder / "source")
        config = {**self._access, "list_ids": [list_id]}
        catalog = configured(installed.streams(config), ["list_members"])
        run = installed.run("read", config=config, catalog=catalog).succeeded()
        records = run.records("list_members")
        return {
            str(record["email_address"]).lower(): str(record["status"])
            for record in records
            if record["list_id"] == list_id
        }


def rows_there(simulator: Simulator, stream: Stream) -> int:
    """How many rows of ``stream`` the simulator itself counts."""
    truth, path = simulator.control.ground_truth, f"/{stream.path}"
    if stream.paging is Paging.OBJECT:  # one of each parent
        if any(other.path == stream.path for other in STREAMS.values() if other.items):
            return len(truth(path)["by_parent"])
        return int(truth(f"/{stream.parent.path}")["count"]) if stream.parent else 1
    if flattened_of(stream):  # a recipient's events are in its row
        return sum(len(entry["row"]["activity"]) for entry in truth(path, detail="rows")["rows"])
    return int(truth(path)["count"])


class Progress:
    """A line that moves while something is done: seconds, and what the simulator was asked for meanwhile.

    ``then``: what it says once no more requests come. Without a terminal, a line every five seconds.
    What others print meanwhile goes into a log.
    """

    log = Path(os.devnull)

    def __init__(self, what: str, simulator: Simulator, then: str = "") -> None:
        self._what = what
        self._then = then
        self._control = simulator.control
        self._terminal = sys.stdout
        self._live = sys.stdout.isatty()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        self._control.reset_stats()
        self._others = self.log.open("a", encoding="utf-8")
        self._redirected = ExitStack()
        self._redirected.enter_context(redirect_stdout(self._others))
        self._redirected.enter_context(redirect_stderr(self._others))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._redirected.__exit__(kind, error, trace)
        self._others.close()
        self._say(end="\n")

    def _run(self) -> None:
        requests, still = -1, 0.0
        pause = 0.2 if self._live else 5.0
        while not self._done.wait(pause):
            now = self._say(end="" if self._live else "\n")
            still = still + pause if now == requests else 0.0
            if self._then and now and still >= 1:
                print(end="\n" if self._live else "", file=self._terminal)
                self._what, self._then = self._then, ""
                self._begun = time.monotonic()
                self._control.reset_stats()
            requests = now

    def _say(self, end: str) -> int:
        stats = self._control.stats()
        requests = int(stats["requests"])
        text = f"{time.monotonic() - self._begun:5.1f} s  {self._what}"
        if requests:
            text += f": {requests:,} requests, {stats['mean_in_flight']:.1f} connections busy"
        print(f"\r{text:<100}" if self._live else text, end=end, flush=True, file=self._terminal)
        return requests


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; numbers stand on the right."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = [all(re.fullmatch(r"[\d,.]+( %)?", line[n]) for line in lines[1:]) for n in range(len(head))]
    for number, line in enumerate(lines):
        cells = (
            cell.rjust(width) if on_right else cell.ljust(width)
            for cell, width, on_right in zip(line, widths, right, strict=True)
        )
        print("  " + "  ".join(cells).rstrip())
        if not number:
            print("  " + "  ".join("─" * width for width in widths))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=ACCOUNT["contacts"], help="of all audiences together")
    parser.add_argument("--campaigns", type=int, default=ACCOUNT["campaigns"])
    parser.add_argument("--recipients", type=int, default=ACCOUNT["recipients"], help="of each sent campaign")
    parser.add_argument(
        "--streams",
        nargs="+",
        default=list(STREAMS),
        choices=STREAMS,
        metavar="STREAM",
        help="those to read instead of all; what takes the tables of others is skipped",
    )
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="takes the database and logs")
    return parser.parse_args()


def _prepare(folder: Path) -> None:
    """An empty folder, where PyAirbyte finds everything it wants to write; must come before its import."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = folder.resolve()
    Progress.log = here / "output.log"
    os.environ |= {
        "AIRBYTE_OFFLINE_MODE": "1",  # it would ask for Airbyte's list of connectors
        "DO_NOT_TRACK": "1",
        "AIRBYTE_LOGGING_ROOT": str(here / "logs"),
        "AIRBYTE_CACHE_ROOT": str(here / "cache"),
        "AIRBYTE_PROJECT_DIR": str(here),
        "NO_LIVE_PROGRESS": "1",  # ours is enough
    }


def _pyairbyte() -> Any:
    """PyAirbyte. Its import takes seconds, reads the environment, and warns of packages that it imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return importlib.import_module("airbyte")


if __name__ == "__main__":
    sys.exit(main())
