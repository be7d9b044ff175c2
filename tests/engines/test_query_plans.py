"""The statements of the hot path stay on their indexes at 200,000 rows, with statistics and without any.

Each plan is EXPLAINed as the engine wrote it, and the rows, pages or instructions that the statement took are counted:
an index that is walked from end to end looks well in a plan.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone

from dashboard import figures, words
from taskhub import capability, monitor, queue
from taskhub.admin.looking import CAP, CappedPaginator
from taskhub.engines import get_engine
from taskhub.engines.rows import Skip
from taskhub.models import Task, Worker
from taskhub.queue.fronts import fronts
from taskhub.states import TaskState
from tests.engines.builders import ago, make_task, new_task

logger = logging.getLogger(__name__)  # the figures: --log-cli-level=INFO
pytestmark = pytest.mark.django_db

MANY, FEW, HELD = 200_000, 100, 8
HOLDER, CLAIMANT = Worker(pk=1), Worker(pk=2)
DAY = 86_400.0
# What a claim of 100 may cost: pages on PostgreSQL, rows read on MySQL, instructions of SQLite's virtual machine.
BOUND = {"postgresql": 2_000, "mysql": 1_000, "sqlite": 50_000}


def queued(count: int, **columns: Any) -> None:
    multiply(make_task(TaskState.QUEUED, **{"expires_at": ago(-DAY), **columns}), count)


def finished(count: int) -> None:
    multiply(make_task(TaskState.SUCCEEDED), count * 9 // 10)
    multiply(make_task(TaskState.FAILED), count // 10)


def delayed(count: int, seconds: float) -> None:
    multiply(make_task(TaskState.PENDING, run_after=ago(-seconds)), count)


SCENARIOS: dict[str, Callable[[], None]] = {
    "200k queued": lambda: queued(MANY),
    "200k finished": lambda: (queued(FEW), finished(MANY), delayed(FEW, -DAY))[0],
    "200k in another queue": lambda: (queued(MANY, queue="another"), queued(FEW))[0],
    "200k due tomorrow": lambda: (delayed(MANY, DAY), delayed(FEW, -DAY), queued(FEW))[0],
}

STATEMENTS: dict[str, Callable[[], Any]] = {
    "claim": lambda: get_engine().claim(CLAIMANT.pk, [("default", FEW)]),
    "claim from two queues": lambda: get_engine().claim(
        CLAIMANT.pk,
        [("default", FEW // 2), ("another", FEW // 2)],
        Skip(names=["a", "b"], pools=["async"], risky=["", "thread"]),
    ),
    "due_ids": lambda: get_engine().due_ids(FEW),
    "overdue_ids": lambda: get_engine().overdue_ids(FEW),
    "upcoming": lambda: get_engine().upcoming(),
    "queued_names": lambda: get_engine().queued_names(),
    "waiting_names": lambda: get_engine().waiting_names(),
    "the front of each queue": lambda: fronts(get_engine().queued_names(), FEW // 5),
    "what a worker holds": lambda: list(
        monitor.tasks().filter(worker=HOLDER, state=TaskState.RUNNING).order_by("id")
    ),
    "failed_tasks": lambda: monitor.failed_tasks(FEW),
    "prune": lambda: queue.prune(FEW, {TaskState.EXPIRED: DAY, TaskState.SUCCEEDED: DAY}),
}


# -- 200,000 rows -------------------------------------------------------------------------------------------------


def multiply(template: Task, count: int) -> None:
    """Make `count` rows of one, by the database alone; their times are a second apart, away from now."""
    columns = [field.column for field in Task._meta.concrete_fields if not field.primary_key]
    values = {column: connection.ops.quote_name(column) for column in columns}
    values["priority"] = "n % 3 - 1"
    for column in ("enqueued_at", "finished_at", "run_after", "expires_at"):
        moment = getattr(template, column)
        if moment is not None:
            values[column] = shifted(column, "+" if moment > timezone.now() else "-")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO taskhub_task ({', '.join(map(connection.ops.quote_name, columns))}) "
            f"SELECT {', '.join(values.values())} FROM taskhub_task, {numbers_below(count)} "
            f"WHERE id = {template.pk} AND n > 0"
        )


def numbers_below(count: int) -> str:
    """Return a table of one column n, in the SQL that all three databases share."""
    digit = "(SELECT 0 AS d UNION ALL " + " UNION ALL ".join(f"SELECT {d}" for d in range(1, 10))
    places = range(len(str(count - 1)))
    total = " + ".join(f"{10**place} * p{place}.d" for place in places)
    tables = ", ".join(f"{digit}) AS p{place}" for place in places)
    return f"(SELECT {total} AS n FROM {tables} WHERE {total} < {count}) AS numbers"


def shifted(column: str, sign: str) -> str:
    match connection.vendor:
        case "postgresql":
            return f"{column} {sign} n * interval '1 second'"
        case "mysql":
            return f"{column} {sign} INTERVAL n SECOND"
        case _:
            return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '{sign}' || n || ' seconds')"


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def fetch(statement: str, params: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


class Table:
    """taskhub_task as a scenario fills it, and what the planner has been told of it."""

    scenario, is_analyzed = "", False

    def prepare(self, scenario: str, *, is_analyzed: bool) -> None:
        if scenario != self.scenario or self.is_analyzed:
            self.clear()
            SCENARIOS[scenario]()
            Task.objects.bulk_create(
                new_task(TaskState.RUNNING, holder)
                for holder in [HOLDER, Worker(pk=3)]
                for _ in range(HELD)
            )
        if is_analyzed:
            execute("ANALYZE TABLE taskhub_task" if connection.vendor == "mysql" else "ANALYZE")
        self.scenario, self.is_analyzed = scenario, is_analyzed

    def clear(self) -> None:
        """Empty the table, and make the planner forget what it knew of it."""
        flush = connection.ops.sql_flush(
            no_style(), ["taskhub_task"], reset_sequences=True, allow_cascade=True
        )
        connection.ops.execute_sql_flush(flush)
        match connection.vendor:
            case "sqlite":
                execute("DROP TABLE IF EXISTS sqlite_stat1", "ANALYZE sqlite_schema")
            case "postgresql":
                execute("DELETE FROM pg_statistic WHERE starelid = 'taskhub_task'::regclass")

    def stop_automatic_statistics(self) -> None:
        match connection.vendor:
            case "postgresql":
                execute("ALTER TABLE taskhub_task SET (autovacuum_enabled = false)")
            case "mysql":
                execute("ALTER TABLE taskhub_task STATS_AUTO_RECALC = 0")

    def resume_automatic_statistics(self) -> None:
        match connection.vendor:
            case "postgresql":
                execute("ALTER TABLE taskhub_task RESET (autovacuum_enabled)")
            case "mysql":
                execute("ALTER TABLE taskhub_task STATS_AUTO_RECALC = DEFAULT")


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Table]:
    with django_db_blocker.unblock():
        table = Table()
        table.stop_automatic_statistics()
        try:
            yield table
        finally:
            table.clear()
            table.resume_automatic_statistics()


@pytest.fixture(
    scope="module",
    params=[(name, known) for name in SCENARIOS for known in (False, True)],
    ids=lambda param: f"{param[0]}, {'analyzed' if param[1] else 'never analyzed'}",
)
def table(filled: Table, request: pytest.FixtureRequest) -> Table:
    scenario, is_analyzed = request.param
    filled.prepare(scenario, is_analyzed=is_analyzed)
    return filled


# -- plans ----------------------------------------------------------------------------------------------------------


class Observed:
    """What one call did to taskhub_task: its plans and its cost. It is rolled back."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.statements: list[tuple[str, Any]] = []
        before = rows_read()
        instructions = Instructions()
        with rolled_back(), connection.execute_wrapper(self._keep), instructions:
            self.result = call()
        self.cost = rows_read() - before + instructions.count
        self.plans: list[str] = []
        with rolled_back():
            for sql, params in self.statements:
                self._explain(sql, params)
        logger.info("%d: %s", self.cost, " | ".join(self.plans))

    def _keep(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.search(r"\btaskhub_task\b|^SET LOCAL ", sql):  # what tells the planner something, too
            self.statements.append((sql, params))
        return execute(sql, params, many, context)

    def _explain(self, sql: str, params: Any) -> None:
        if sql.startswith("SET LOCAL "):
            execute(sql)
            return
        match connection.vendor:
            case "postgresql":
                [[found]] = fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
                plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
                self.cost += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                self.plans += [
                    f"{node['Node Type']} on {node.get('Relation Name')} by {node.get('Index Name')}"
                    for node in nodes(plan)
                ]
            case "mysql":
                # id, select_type, table, type, possible_keys, key, key_len, ref, rows, Extra
                with connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN {sql}", params)
                    names = [column[0] for column in cursor.description]
                    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
                self.plans += [
                    f"{row['type']} on {row['table']} by {row['key']}, {row['rows']} rows"
                    for row in rows
                ]
            case _:
                self.plans += [row[3] for row in fetch(f"EXPLAIN QUERY PLAN {sql}", params)]

    @property
    def scans(self) -> list[str]:
        """The parts of the plans that read the table from end to end."""
        return [plan for plan in self.plans if FULL_SCAN[connection.vendor].search(plan)]


FULL_SCAN = {
    "postgresql": re.compile(r"Seq Scan on taskhub_task "),
    "mysql": re.compile(r"ALL on taskhub_task "),
    "sqlite": re.compile(r"SCAN (TABLE )?taskhub_task(?! USING.* INDEX)"),
}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def rows_read() -> int:
    """How many rows this session has read so far: MySQL counts them."""
    if connection.vendor != "mysql":
        return 0
    return sum(int(n) for _, n in fetch("SHOW SESSION STATUS LIKE 'Handler_read%%'", []))


class Instructions:
    """Counts what SQLite's virtual machine does, in hundreds."""

    STEP = 100
    count = 0

    def __enter__(self) -> None:
        if connection.vendor == "sqlite":
            connection.connection.set_progress_handler(self._add, self.STEP)

    def __exit__(self, *error: object) -> None:
        if connection.vendor == "sqlite":
            connection.connection.set_progress_handler(None, self.STEP)

    def _add(self) -> int:
        self.count += self.STEP
        return 0


class rolled_back(transaction.Atomic):  # noqa: N801  # a context manager, as `atomic` is
    def __init__(self) -> None:
        super().__init__(None, savepoint=True, durable=False)

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            transaction.set_rollback(True)
        super().__exit__(*error)


finished_only = pytest.mark.parametrize(
    "table",
    [("200k finished", False), ("200k finished", True)],
    ids=["never analyzed", "analyzed"],
    indirect=True,
)


# -- tests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_of_the_hot_path_reads_no_more_than_it_needs(table: Table, statement: str):
    seen = Observed(STATEMENTS[statement])

    assert seen.plans
    assert not seen.scans, seen.plans
    assert seen.cost < BOUND[connection.vendor], seen.plans


@finished_only
def test_queue_stats_never_read_a_finished_task(table: Table):
    seen = Observed(monitor.queue_stats)

    stats = next(found for found in seen.result if found.name == "default")
    assert (stats.queued, stats.pending, stats.running) == (FEW, FEW, 2 * HELD)
    assert not seen.scans, seen.plans
    assert seen.cost < BOUND[connection.vendor], seen.plans


@finished_only
def test_a_list_in_the_admin_is_counted_no_further_than_its_cap(table: Table):
    seen = Observed(lambda: CappedPaginator(monitor.tasks(), 50).count)

    assert seen.result == CAP
    assert seen.cost <= max(BOUND[connection.vendor], 3 * CAP), seen.plans


@finished_only
def test_what_came_in_lately_is_read_from_the_newest_tasks_only(table: Table):
    seen = Observed(lambda: get_engine().count_newest(FEW, ago(DAY)))

    assert sum(one.number for one in seen.result) <= FEW
    assert seen.cost < BOUND[connection.vendor], seen.plans


@finished_only
def test_the_figures_of_the_overview_are_counted_no_further_than_their_caps(table: Table):
    seen = Observed(lambda: figures.read(timezone.now(), []))

    (line,) = [line for line in seen.result.queues if line.stats.name == "default"]
    assert (line.stats.queued, line.stats.pending, line.stats.running) == (FEW, FEW, 2 * HELD)
    assert seen.cost <= 10 * words.CAP, seen.plans


def test_who_looks_for_tasks_without_a_worker_reads_the_front_of_each_queue_only(table: Table):
    seen = Observed(capability.waiting)

    front = 3 * capability.SAMPLE  # of three priorities
    counts = {found.queue: found.count for found in seen.result}
    backlog = {"200k queued": "default", "200k in another queue": "another"}.get(table.scenario)
    assert all(count == (front if name == backlog else FEW) for name, count in counts.items())
    assert counts.keys() == {"default"} | ({backlog} if backlog else set())
    assert not seen.scans, seen.plans
    # Of a backlog the samples are read, and MySQL counts its own temporary tables with them.
    assert seen.cost < BOUND[connection.vendor] * (6 if backlog else 1), seen.plans


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("statement", ["claim", "due_ids", "upcoming", "queued_names"])
@finished_only
def test_the_optimizer_expects_few_rows_where_the_index_holds_few(table: Table, statement: str):
    seen = Observed(STATEMENTS[statement])

    expected = [int(found) for plan in seen.plans for found in re.findall(r"(\d+) rows", plan)]
    # No rows at all: the end of the index alone is the answer.
    assert max(expected, default=0) <= 2 * FEW, seen.plans


def test_the_planner_knows_what_the_scenario_says(table: Table):
    match connection.vendor:
        case "postgresql":
            known = fetch("SELECT 1 FROM pg_stats WHERE tablename = 'taskhub_task' LIMIT 1")
        case "mysql":
            known = fetch(
                "SELECT n_rows FROM mysql.innodb_table_stats WHERE table_name = 'taskhub_task' "
                "AND database_name = DATABASE() AND n_rows > 1000"
            )
        case _:
            known = fetch("SELECT 1 FROM sqlite_stat1 WHERE tbl = 'taskhub_task' LIMIT 1")

    assert bool(known) is table.is_analyzed


def test_the_hot_path_finds_what_is_there(table: Table):
    claims = Observed(STATEMENTS["claim"]).result
    names = Observed(STATEMENTS["queued_names"]).result
    due = Observed(STATEMENTS["due_ids"]).result
    seconds, *_ = Observed(STATEMENTS["upcoming"]).result

    assert len(claims) == FEW
    assert names == (
        ["another", "default"] if table.scenario == "200k in another queue" else ["default"]
    )
    is_delaying = table.scenario in ("200k finished", "200k due tomorrow")
    assert len(due) == (FEW if is_delaying else 0)
    assert (seconds is not None and seconds < -timedelta(hours=23).total_seconds()) == is_delaying
