"""List the sample tasks: what the demo's buttons and the `demo` command enqueue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskhub.demo import tasks
from taskhub.demo.paths import DATA

if TYPE_CHECKING:
    from taskhub.results import AsyncResult


@dataclass(frozen=True, slots=True)
class Sample:
    """One button: `title` is a noun, as in "Your …"; `shows` says what there is to see."""

    slug: str
    title: str
    shows: str
    enqueue: "Callable[[], AsyncResult]"


SAMPLES = (
    Sample(
        "import",
        "import",
        "5,000 orders from CSV, in batches, with progress; one bad line is reported",
        lambda: tasks.import_csv.enqueue(pause=0.08),
    ),
    Sample(
        "thumbnails",
        "thumbnails",
        "Six pictures made small with Pillow",
        tasks.make_thumbnails.enqueue,
    ),
    Sample(
        "mail",
        "e-mail",
        "A message through Django's e-mail backend",
        lambda: tasks.send_mail.enqueue("operator@example.com"),
    ),
    Sample(
        "report",
        "report",
        "A ZIP file with all orders and their totals per country; starts in eight seconds",
        lambda: tasks.write_report.using(countdown=8).enqueue(),
    ),
    Sample(
        "flaky",
        "parcel label",
        "Fails twice, waits a little longer each time, then succeeds",
        lambda: tasks.flaky.enqueue("HP-100042"),
    ),
    Sample(
        "slow",
        "slow job",
        "Two minutes in half-second steps: one to cancel",
        tasks.slow.enqueue,
    ),
    Sample(
        "fails",
        "payment",
        "Fails for good, with a traceback",
        lambda: tasks.always_fails.enqueue("HP-100077"),
    ),
    Sample(
        "expires",
        "offer",
        "Over in five seconds, and nobody works in its queue: expires",
        lambda: tasks.expires.enqueue("Free shipping until midnight"),
    ),
    Sample(
        "later",
        "reminder",
        "Waits for its time, an hour from now",
        lambda: tasks.remind.using(countdown=3600).enqueue("Zoé Lefèvre"),
    ),
    Sample(
        "primes",
        "prime numbers",
        "A coroutine: counts primes and lets others run in between",
        tasks.find_primes.enqueue,
    ),
    Sample(
        "chain",
        "sales report",
        "A chain: reads the orders, sums them by country, reports",
        tasks.workflows.enqueue_chain,
    ),
    Sample(
        "chord",
        "word count",
        "A chord: counts the words of twelve texts side by side, then merges",
        tasks.workflows.enqueue_chord,
    ),
    Sample(
        "graph",
        "shop window",
        "A graph whose third step fails: retry it, and what was cancelled comes back",
        tasks.workflows.enqueue_graph,
    ),
)
BY_SLUG = {sample.slug: sample for sample in SAMPLES}


def enqueue_checksums() -> "list[AsyncResult]":
    """Enqueue one small task a shipped file, all in one bulk insert."""
    names = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.*"))
    return list(tasks.checksum.enqueue_many([((name,), {}) for name in names]))
