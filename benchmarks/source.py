"""What `source-mailchimp` promises about its speed and memory, measured: one table, each figure with its limit."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.connector import SOURCE, Source, discovered
from benchmarks.measure import Cost, Distinct, Json, cpu_per_record, latest_states, run
from benchmarks.table import Row, checked
from mailchimp_simulator.client import SimulatorProcess, busy_window, mean_in_flight

CONNECTIONS = 10
_MEMBERS = "/members"
_DAY = 86_400
# Types of campaigns that have no versions of their own, hence no sub-reports to ask for.
# One request for each contact, or the contacts a second time.
_NOT_COUNTED = {"member_activity", "member_events", "member_goals", "member_notes", "member_tags", "list_member_keys"}
# What Airbyte's own source has.
_TWELVE = (
    "automations", "campaigns", "email_activity", "interest_categories", "interests", "list_members", "lists",
    "reports", "segment_members", "segments", "tags", "unsubscribes",
)  # fmt: skip
_ROUND_TRIP = 1.0
_SENT_AS_ONE = {"regular", "plaintext", "automation-email"}
_BROKEN = {
    "templates": "templates",
    "campaign_folders": "campaign-folders",
    "template_folders": "template-folders",
    "files": "file-manager/files",
    "file_folders": "file-manager/folders",
    "landing_pages": "landing-pages",
    "automations": "automations",
    "authorized_apps": "authorized-apps",
    "connected_sites": "connected-sites",
    "verified_domains": "verified-domains",
    "batches": "batches",
    "batch_webhooks": "batch-webhooks",
}
"""A dozen small streams, and their paths."""


@dataclass(frozen=True)
class Sizes:
    """How much is read. ``QUICK`` only shows that everything works; its figures say nothing."""

    contacts: int = 50_000
    page_seconds: float = 0.5
    row_seconds: float = 0.001
    campaigns: int = 100
    small_latency: float = 0.2
    beside_broken: int = 20_000
    broken_campaigns: int = 400
    changes: int = 1000
    retry_seconds: float = 30.0
    cut_off_seconds: float = 2.0
    few: int = 100_000
    many: int = 1_000_000
    per_contact: tuple[int, int] = (20_000, 400_000)
    per_contact_seconds: float = 40.0
    gated_campaigns: int = 1000
    asked: tuple[int, int, int, int] = (3000, 300, 2000, 400)
    rounds: int = 3


FULL = Sizes()
QUICK = Sizes(
    contacts=3000,
    page_seconds=0.05,
    row_seconds=0.0001,
    campaigns=4,
    small_latency=0.01,
    beside_broken=2000,
    broken_campaigns=20,
    changes=20,
    retry_seconds=1.0,
    cut_off_seconds=0.2,
    few=2000,
    many=4000,
    per_contact=(300, 600),
    per_contact_seconds=4.0,
    gated_campaigns=30,
    asked=(60, 10, 12, 8),
    rounds=1,
)


class SourceBenchmark:
    """Measures one property after the other; ``folder`` takes the connector's files."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self._sizes = sizes
        self._folder = folder
        self._start: Cost | None = None

    def parts(self) -> dict[str, Callable[[], list[Row]]]:
        """Every part by name, in the order of the table."""
        measure: dict[str, Callable[[], Iterator[Row]]] = {
            "start": self.start_up,
            "connections": self.connections,
            "streams": self.across_streams,
            "broken": self.broken,
            "cpu": self.cpu,
            "memory": self.memory,
            "look-back": self.look_back,
            "per-contact": self.per_contact,
            "activity": self.email_activity,
            "requests": self.requests,
        }
        return {name: partial(_all, part) for name, part in measure.items()}

    @property
    def start(self) -> Cost:
        """What `spec` takes: everything before the first request."""
        if self._start is None:
            runs = sorted((run([SOURCE, "spec"]) for _ in range(self._sizes.rounds)), key=lambda cost: cost.wall)
            self._start = runs[len(runs) // 2]
        return self._start

    def start_up(self) -> Iterator[Row]:
        """`spec` against the CDK's own import, turn by turn, so that both see the same machine."""
        ours, theirs = [], []
        for _ in range(self._sizes.rounds + 2):
            ours.append(run([SOURCE, "spec"]).cpu)
            theirs.append(run([sys.executable, "-c", "import airbyte_cdk.entrypoint"]).cpu)
        limit = statistics.median(theirs) * 1.05  # as exact as it can be measured
        note = f"`import airbyte_cdk.entrypoint` takes {statistics.median(theirs):.2f} s"
        yield checked("start-up: CPU of `spec`", statistics.median(ours), limit, "s", note=note)

    def connections(self) -> Iterator[Row]:
        """One audience, slow answers: how many of the ten connections are at work."""
        sizes = self._sizes
        with SimulatorProcess(contacts=sizes.contacts, audiences=1, campaigns=2) as simulator:
            simulator.control.latency(seconds=sizes.page_seconds, seconds_per_row=sizes.row_seconds)
            rows = simulator.control.ground_truth("/lists/{list_id}/members")["count"]
            for mode in ("incremental", "full_refresh"):
                yield from self._connections(simulator, rows, mode)

    def _connections(self, simulator: SimulatorProcess, rows: int, mode: str) -> Iterator[Row]:
        """``mode``: a full refresh also looks at its end for what has changed meanwhile."""
        sizes = self._sizes
        busy, wall, most, log, whole = [], [], [], [], []
        for _ in range(sizes.rounds):
            seen = Distinct()
            cost = Source(simulator, self._folder).read(["list_members"], mode=mode, on_record=seen)
            log = simulator.control.log(_MEMBERS)
            busy.append(mean_in_flight(log, *busy_window(log)))
            wall.append(cost.wall - self.start.wall)
            most.append(simulator.control.stats()["most_in_flight"])
            whole.append(_whole(cost, seen, rows))
        pages = -(-rows // 1000)
        first = sizes.page_seconds + sizes.row_seconds * min(rows, 1000)
        rest = (pages - 1) * sizes.page_seconds + max(rows - 1000, 0) * sizes.row_seconds
        ideal = first + rest / CONNECTIONS
        name = mode.replace("_", " ")
        note = f"{rows:,} contacts, {sizes.page_seconds * 1000:.0f} ms + {sizes.row_seconds * 1000:g} ms a row"
        note += "; from the first answer to the last request's start"
        yield checked(
            f"connections busy on average, {name}", statistics.median(busy), 9.0, "", at_least=True, note=note
        )
        yield checked("connections busy at most", max(most), CONNECTIONS, "")
        note = f"without start-up ({self.start.wall:.1f} s); ideal {ideal:.1f} s, {len(log)} requests for members"
        if mode == "full_refresh":
            note += "; its last two, beside each other, look for what changed meanwhile"
        yield checked(f"wall time of one audience, {name}", statistics.median(wall), 1.15 * ideal, "s", note=note)
        yield max(whole, key=lambda row: not row.ok)

    def across_streams(self) -> Iterator[Row]:
        """Many small streams: none waits for another."""
        sizes = self._sizes
        with SimulatorProcess(contacts=sizes.campaigns * 3, audiences=3, campaigns=sizes.campaigns) as simulator:
            simulator.control.latency(seconds=sizes.small_latency)
            cost = Source(simulator, self._folder).read()
            stats = simulator.control.stats()
            repeated = _repeated(simulator.control.log())
        ideal = (stats["requests"] - repeated) * sizes.small_latency / CONNECTIONS
        yield checked(
            "wall time of every stream",
            cost.wall - self.start.wall,
            1.4 * ideal,
            "s",
            note=f"{stats['requests']:,} requests of {sizes.small_latency * 1000:.0f} ms, {cost.records:,} records, "
            f"{stats['mean_in_flight']:.1f} in flight, {repeated} asked twice, exit code {cost.exit_code}",
        )

    def broken(self) -> Iterator[Row]:
        """What is broken holds nobody up: contacts beside a dozen small resources that never answer as they should."""
        sizes = self._sizes
        with SimulatorProcess(contacts=sizes.beside_broken, audiences=1, campaigns=2) as simulator:
            control = simulator.control
            page, row = 0.6 * sizes.page_seconds, 0.3 * sizes.row_seconds
            control.latency(seconds=page, seconds_per_row=row)
            rows = control.ground_truth("/lists/{list_id}/members")["count"]
            source = Source(simulator, self._folder, retry_seconds=sizes.retry_seconds)
            alone = statistics.median(
                source.read(["list_members"]).last_record - self.start.wall for _ in range(sizes.rounds)
            )
            for what, kind, options, late in _faults(sizes):
                control.clear_faults()
                control.latency(seconds=page, seconds_per_row=row)
                for path in _BROKEN.values():
                    control.fault(kind, f"/{path}", **options)
                    if late:
                        control.latency(seconds=late, path=f"/{path}")
                took: list[float] = []
                left: list[float] = []
                costs: list[Cost] = []
                seen = Distinct()
                for _ in range(sizes.rounds):
                    begun = time.monotonic()
                    stop_after = 10 + sizes.retry_seconds if late else None  # it would halve its pages for minutes
                    costs.append(source.read(["list_members", *_BROKEN], on_record=seen, stop_after=stop_after))
                    passed = time.monotonic() - begun
                    left.append(passed - max(entry[1] for entry in control.log()))
                    took.append(costs[-1].last_record - self.start.wall)
                note = f"{rows:,} contacts in {statistics.median(took):.1f} s, alone in {alone:.1f} s"
                note += f"; first tries hold their connections for {late:g} s" if late else ""
                yield checked(
                    f"contacts beside {len(_BROKEN)} resources that {what}",
                    statistics.median(took) / alone,
                    1.15 + late / alone,
                    "×",
                    note=note,
                )
                missing = abs(rows - len(seen))
                yield Row("  contacts missing", str(missing), "0", ok=missing == 0, note=f"{len(seen):,} contacts")
                if not late:
                    note = f"the whole sync ended after {statistics.median(cost.wall for cost in costs):.0f} s, "
                    note += f"retry_seconds is {sizes.retry_seconds:g}"
                    yield checked(
                        "  end of the sync after its last try has failed", statistics.median(left), 1.0, "s", note=note
                    )
        yield from self._broken_beside_content()

    def _broken_beside_content(self) -> Iterator[Row]:
        """Two streams of as many requests each: the one never answers as it should."""
        sizes = self._sizes
        with SimulatorProcess(contacts=100, audiences=1, campaigns=sizes.broken_campaigns) as simulator:
            simulator.control.latency(seconds=0.5 * sizes.small_latency)
            source = Source(simulator, self._folder, retry_seconds=sizes.retry_seconds)
            alone = statistics.median(
                source.read(["campaign_content"]).last_record - self.start.wall for _ in range(sizes.rounds)
            )
            simulator.control.fault("status", "/campaigns/{campaign_id}/feedback", status=500)
            took, whole = [], []
            for _ in range(sizes.rounds):
                last = _Last(b"campaign_content")
                cost = source.read(["campaign_content", "campaign_feedback"], on_record=last)
                took.append(last.seconds - self.start.wall)
                whole.append(cost.wall)
        note = f"{sizes.broken_campaigns} campaigns: {statistics.median(took):.1f} s, alone {alone:.1f} s; "
        note += f"the whole sync ended after {statistics.median(whole):.0f} s"
        yield checked(
            "campaign_content beside campaign_feedback that answers 500",
            statistics.median(took) / alone, 1.15, "×", note=note,
        )  # fmt: skip

    def cpu(self) -> Iterator[Row]:
        """What a record costs when Mailchimp answers at once."""
        with SimulatorProcess(contacts=self._sizes.contacts, audiences=1, campaigns=2) as simulator:
            source = Source(simulator, self._folder)
            costs = [source.read(["list_members"]) for _ in range(self._sizes.rounds)]
            seen = Distinct()
            whole = source.read(["list_members"], on_record=seen)
            rows = simulator.control.ground_truth("/lists/{list_id}/members")["count"]
            figures = [cpu_per_record(cost, self.start.cpu, rows) for cost in costs]
            yield self._beside_the_floor(simulator, source)
            speed = statistics.median(cost.records / (cost.wall - self.start.wall) for cost in costs)
            note = f"{rows:,} contacts, no latency; {speed:,.0f} records/s beside the simulator on the same machine"
            yield checked("CPU a record", statistics.median(figures), 60, "µs", note=note)
            yield _whole(whole, seen, rows)
            for mode in ("typed", "columns"):
                yield self._merge_fields(simulator, mode)

    def _beside_the_floor(self, simulator: SimulatorProcess, source: Source) -> Row:
        """What a contact costs beside what it costs the bare loop (``floor``), turn by turn; both without start-up."""
        floor = [sys.executable, "-m", "benchmarks.floor", simulator.api_url, simulator.api_key]
        idle = statistics.median(
            run([sys.executable, "-c", "import orjson, requests"]).cpu for _ in range(self._sizes.rounds)
        )
        ours, theirs = [], []
        for _ in range(self._sizes.rounds + 2):
            ours.append(cpu_per_record(source.read(["list_members"]), self.start.cpu))
            theirs.append(cpu_per_record(run(floor), idle))
        least, most = statistics.median(theirs), statistics.median(ours)
        note = f"{most:.1f} µs a record, the bare loop {least:.1f} µs, turn by turn, both without start-up"
        return checked("CPU a record against the bare loop", most / least, 1.6, "×", note=note)

    def _merge_fields(self, simulator: SimulatorProcess, mode: str) -> Row:
        """What telling the types of merge fields costs, beside sending them as they come; turn by turn."""
        ours, plain = [], []
        for _ in range(self._sizes.rounds):
            ours.append(Source(simulator, self._folder, merge_fields=mode).read(["list_members"]).cpu)
            plain.append(Source(simulator, self._folder).read(["list_members"]).cpu)
        start = self.start.cpu
        ratio = (statistics.median(ours) - start) / (statistics.median(plain) - start)
        return checked(f"CPU with merge_fields: {mode}, against as_object", ratio, 1.3, "×", note="without start-up")

    def memory(self) -> Iterator[Row]:
        """Peak memory doesn't grow with the audience."""
        peaks = []
        for contacts in (self._sizes.few, self._sizes.many):
            with SimulatorProcess(contacts=contacts, audiences=1, campaigns=2) as simulator:
                seen = Distinct()
                cost = Source(simulator, self._folder).read(["list_members"], on_record=seen)
                rows = simulator.control.ground_truth("/lists/{list_id}/members")["count"]
            peaks.append(cost.peak_mb)
            cpu = cpu_per_record(cost, self.start.cpu, rows)
            note = f"{cost.records:,} records, {cpu:.0f} µs of CPU each"
            yield checked(f"peak memory, {contacts:,} contacts", cost.peak_mb, 200, "MB", note=note)
            yield _whole(cost, seen, rows)
        yield checked("memory of many contacts against few", peaks[1] / peaks[0], 1.05, "×")

    def look_back(self) -> Iterator[Row]:
        """What it costs to read the ten minutes before the cursor again, since contacts become visible late."""
        with SimulatorProcess(contacts=self._sizes.contacts, audiences=1, campaigns=2) as simulator:
            control = simulator.control
            for changes in (0, self._sizes.changes):
                first = Source(simulator, self._folder).read(["list_members"], mode="incremental")
                control.clock(advance=3_600)
                # Changed in the last minutes before the sync, so that they are new to it, and read again by the next.
                control.change("update", count=changes, ago=60)
                state = latest_states(first.states)
                second = Source(simulator, self._folder).read(["list_members"], mode="incremental", state=state)
                control.clock(advance=3_600)
                state = latest_states(second.states)
                third = Source(simulator, self._folder).read(["list_members"], mode="incremental", state=state)
                requests = len(control.log(_MEMBERS))
                note = f"{requests} requests for contacts, plain and archived; the sync before had read them, too"
                what = f"look-back: contacts read again, {changes:,} changed in the minutes before the last sync"
                yield checked(what, third.records, changes, "", note=note)
                yield checked("  requests for them", requests, 2 + changes // 500, "")

    def per_contact(self) -> Iterator[Row]:
        """A stream that asks for each contact holds a piece of the audience, never all of it."""
        peaks = []
        for contacts in self._sizes.per_contact:
            with SimulatorProcess(contacts=contacts, audiences=1, campaigns=2) as simulator:
                source = Source(simulator, self._folder)
                cost = source.read(["member_tags"], stop_after=self._sizes.per_contact_seconds)
                requests = simulator.control.stats()["requests"]
            peaks.append(cost.peak_mb)
            note = f"stopped after {self._sizes.per_contact_seconds:g} s: {requests:,} requests"
            yield checked(
                f"peak memory, member_tags of {contacts:,} contacts", cost.peak_mb, 256 * 1.048576, "MB", note=note
            )
        yield checked("memory of a stream per contact, many against few", peaks[1] / peaks[0], 1.10, "×")
        yield self._tags_again()

    def _tags_again(self) -> Row:
        """Whose tags are new shows in the contacts' rows: nobody is asked again while nothing has changed."""
        contacts = self._sizes.per_contact[0]
        with SimulatorProcess(contacts=contacts, audiences=1, campaigns=2) as simulator:
            first, again = self._twice(simulator, ["member_tags"])
        note = f"{contacts:,} contacts, nothing has changed; the first sync asked {first['requests']:,} times"
        limit = 20 + 2 * -(-contacts // 1000)  # pages of both listings, and the borders of their chunks
        return checked("requests of a second sync of member_tags", again["requests"], limit, "", note=note)

    def email_activity(self) -> Iterator[Row]:
        """An incremental sync asks only campaigns that have news; split ones are asked for their children, too."""
        yield from self._email_activity("campaigns", plain=True)
        yield from self._email_activity("campaigns, split ones among them", plain=False)

    def _email_activity(self, what: str, *, plain: bool) -> Iterator[Row]:
        sizes = self._sizes
        with SimulatorProcess(
            contacts=2000, audiences=1, campaigns=sizes.gated_campaigns, recipients=20, all_sent=True, plain=plain
        ) as simulator:
            source = Source(simulator, self._folder)
            first = source.read(["email_activity"], mode="incremental")
            before = simulator.control.stats()["requests"]
            simulator.control.clock(advance=10 * _DAY)
            simulator.control.add_events(campaigns=5, opens=2, clicks=1)
            simulator.control.clock(advance=60)
            second = source.read(["email_activity"], mode="incremental", state=latest_states(first.states))
            by_operation = simulator.control.stats()["by_operation"]
            log = simulator.control.log("/email-activity")
            reports = [entry["row"] for entry in simulator.control.ground_truth("/reports", "rows")["rows"]]
        asked = len({entry[3] for entry in log})
        pages = -(-len(reports) // 999)
        split = sum(report["type"] not in _SENT_AS_ONE for report in reports)
        note = f"of {len(reports):,} sent, {split:,} of them split; "
        note += f"first sync: {before:,} requests, {first.records:,} records, {first.wall:.0f} s"
        yield checked(f"{what} asked for activity, 5 have news", asked, 5, "", note=note)
        requests = sum(count for name, count in by_operation.items() if name.startswith("GET"))
        note = ", ".join(f"{count} {name.removeprefix('GET ')}" for name, count in by_operation.items())
        limit = 5 + pages + 3 + split  # a clock that is days ahead of the machine's is asked three times
        yield checked("requests of that sync", requests, limit, "", note=f"{note}; {second.records} records")

    def requests(self) -> Iterator[Row]:
        """How often Mailchimp is asked: for everything, again when nothing has changed, and for the usual streams."""
        contacts, campaigns, orders, products = self._sizes.asked
        account = {"contacts": contacts, "audiences": 3, "campaigns": campaigns, "recipients": 40}
        stores = {"stores": 2, "orders": orders, "products": products}
        everything = [stream["name"] for stream in discovered() if stream["name"] not in _NOT_COUNTED]
        with SimulatorProcess(**account, **stores) as simulator:
            first, again = self._twice(simulator, everything)
            rows = [entry["row"] for entry in simulator.control.ground_truth("/campaigns", "rows")["rows"]]
        unsent = sum(row["status"] != "sent" for row in rows)
        split = again["by_operation"].get("GET /reports/{campaign_id}/sub-reports", 0)
        note = f"{contacts:,} contacts, {campaigns} campaigns, 2 stores with {orders:,} orders and {products} products"
        yield checked(f"requests of a first sync, {len(everything)} streams", first["requests"], 5400, "", note=note)
        note = f"three for each of {unsent} campaigns that are not sent yet, one for each of {split} split ones"
        yield checked("requests of a second one, nothing has changed", again["requests"], 400, "", note=note)
        with SimulatorProcess(**account) as simulator:
            _, again = self._twice(simulator, _TWELVE)
        split = again["by_operation"].get("GET /reports/{campaign_id}/sub-reports", 0)
        note = f"beside one for each of {split} split campaigns"
        yield checked("the same, the twelve streams of Airbyte's", again["requests"] - split, 45, "", note=note)
        with SimulatorProcess(**{**account, "audiences": 1}, plain=True) as simulator:
            _, again = self._twice(simulator, _TWELVE, latency=_ROUND_TRIP)
            log = simulator.control.log()
        trips = (max(entry[1] for entry in log) - min(entry[0] for entry in log)) / _ROUND_TRIP
        note = f"{again['requests']} requests of {_ROUND_TRIP:g} s; one audience, so that none waits for a connection"
        yield checked("  round trips one after the other", round(trips, 1), 5, "", note=note)

    def _twice(self, simulator: SimulatorProcess, streams: Iterable[str], latency: float = 0.0) -> tuple[Json, Json]:
        """What the simulator counts in a first sync, and in a second one after it (with ``latency``)."""
        source, names = Source(simulator, self._folder), list(streams)
        first = source.read(names, mode="incremental")
        counted: Json = simulator.control.stats()
        simulator.control.latency(seconds=latency)
        source.read(names, mode="incremental", state=latest_states(first.states))
        return counted, simulator.control.stats()


class _Last:
    """Notes when the last record of ``stream`` came, in seconds since it was made."""

    def __init__(self, stream: bytes) -> None:
        self._begun = time.monotonic()
        self._name = b'"' + stream + b'"'
        self.seconds = 0.0

    def __call__(self, line: bytes) -> None:
        """Look at a record's line."""
        if self._name in line[:100]:
            self.seconds = time.monotonic() - self._begun


def _faults(sizes: Sizes) -> Iterator[tuple[str, str, Json, float]]:
    """How resources are broken: in words, as a fault of the simulator, and so many seconds after the request."""
    for status in (500, 429, 504):
        yield f"answer {status}", "status", {"status": status}, 0
    yield "answer without rows", "missing_items", {}, 0
    yield f"are cut off after {sizes.cut_off_seconds:g} s (504)", "status", {"status": 504}, sizes.cut_off_seconds


def _all(part: Callable[[], Iterator[Row]]) -> list[Row]:
    return list(part())


def _whole(cost: Cost, seen: Distinct, rows: int) -> Row:
    """Whether all contacts came: speed counts for nothing otherwise. Repeats are allowed."""
    missing = rows - len(seen)
    return Row(
        "  contacts missing", str(missing), "0", missing == 0 and not cost.exit_code, f"{cost.records:,} records"
    )


def _repeated(log: list[list[object]]) -> int:
    """How many requests of a quiet read were asked before."""
    asked = [(entry[2], entry[3], str(entry[4])) for entry in log]
    return len(asked) - len(set(asked))
