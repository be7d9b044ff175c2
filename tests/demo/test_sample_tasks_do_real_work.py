import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from taskhub import TaskState, get_result
from taskhub.demo import samples, tasks
from taskhub.demo.models import Order, Upload
from taskhub.demo.paths import file_in_media, media_root
from tests.demo.conftest import GOOD, HEADER
from tests.helpers import eventually
from tests.plugins.processes import Drain, WorkerLauncher
from tests.settings import SCRATCH

pytestmark = pytest.mark.django_db(transaction=True)


def answer(result: Any) -> Any:
    result.refresh()
    assert result.state is TaskState.SUCCEEDED, (result.state, result.errors)
    return result.return_value


@pytest.mark.every_engine
def test_the_shipped_orders_are_imported_and_the_bad_line_is_reported(drain: Drain) -> None:
    result = tasks.import_csv.enqueue()
    drain()
    assert answer(result) == {
        "file": "orders.csv",
        "imported": 4_999,
        "rejected": [{"line": 2_719, "error": "total is not an amount: 'twelve euros'"}],
        "rejected_count": 1,
    }
    assert (result.progress, result.progress_message) == (1.0, "4,999 orders imported")
    assert Order.objects.count() == 4_999
    assert Order.objects.get(number="HP-100004").customer == "فاطمة حسن"


@pytest.mark.every_engine
def test_a_second_import_changes_what_changed_and_adds_nothing(drain: Drain) -> None:
    for text in (HEADER + GOOD, HEADER + GOOD.replace("19.90", "21.00")):
        file = SimpleUploadedFile("orders.csv", text.encode())
        tasks.import_csv.enqueue(Upload.objects.create(name="orders.csv", file=file).pk)
        drain()
    order = Order.objects.get()
    assert str(order.total) == "21.00"


def test_an_import_of_a_file_without_columns_fails_at_the_first_attempt(drain: Drain) -> None:
    file = SimpleUploadedFile("orders.csv", b"a,b\n1,2\n")
    result = tasks.import_csv.enqueue(Upload.objects.create(name="orders.csv", file=file).pk)
    drain()
    result.refresh()
    assert (result.state, result.attempts) == (TaskState.FAILED, 1)
    assert result.errors[0].exception_class_path.endswith(".NotAnOrdersFile")


def test_thumbnails_are_small_upright_and_keep_their_format(drain: Drain) -> None:
    result = tasks.make_thumbnails.enqueue(width=120)
    drain()
    value = answer(result)
    assert len(value["files"]) == 6
    assert value["bytes_after"] < value["bytes_before"]
    with Image.open(media_root() / "thumbnails" / "lighthouse-120.jpg") as picture:
        assert (picture.size, picture.format) == ((80, 120), "JPEG")
        assert not picture.getexif()


@pytest.mark.every_engine
def test_a_report_holds_all_orders_and_their_totals(drain: Drain) -> None:
    tasks.import_csv.enqueue()
    drain()
    result = tasks.write_report.enqueue()
    drain()
    value = answer(result)
    assert (value["orders"], value["countries"]) == (4_999, 14)
    path = file_in_media(value["files"][0])
    assert path is not None
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["summary.txt", "orders.csv"]
        summary = archive.read("summary.txt").decode()
        orders = io.StringIO(archive.read("orders.csv").decode())
    assert len(orders.readlines()) == 5_000
    assert summary.splitlines()[-1].split()[:2] == ["All", "4,999"]
    assert [path.name for path in (media_root() / "reports").iterdir()] == [path.name]


def test_mail_goes_through_djangos_email_backend(drain: Drain) -> None:
    result = tasks.send_mail.enqueue("ümit@example.com", subject="Grüße")
    drain()
    assert answer(result) == {"sent": 1, "to": "ümit@example.com"}
    folder = SCRATCH / "mail"
    newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    assert "To: =?utf-8?" in newest.read_text()


def test_a_flaky_task_fails_twice_and_then_succeeds(drain: Drain) -> None:
    result = tasks.flaky.using(retry_delay=0.05, retry_backoff=1.0).enqueue("HP-7")

    def drained() -> bool:
        drain()
        result.refresh()
        return bool(result.is_ready)

    eventually(drained, timeout=60)
    assert answer(result) == {"label": "LBL-HP-7", "attempts": 3}
    assert [error.exception_class_path for error in result.errors] == [
        "taskhub.demo.tasks.failing.CarrierUnreachable"
    ] * 2


def test_what_fails_for_good_keeps_a_traceback_through_our_functions(drain: Drain) -> None:
    result = tasks.always_fails.enqueue("HP-8")
    drain()
    result.refresh()
    assert (result.state, result.attempts) == (TaskState.FAILED, 1)
    text = result.errors[0].traceback
    for words in ("in checkout", "in charge", "in authorise", "insufficient funds", "CardDeclined"):
        assert words in text


def test_a_slow_task_can_be_cancelled_while_it_runs(run_worker: WorkerLauncher) -> None:
    result = tasks.slow.enqueue(seconds=120)
    worker = run_worker("--processes", 1)
    worker.wait_until(lambda: shows(result, TaskState.RUNNING), "started the slow task")
    result.revoke()
    worker.wait_until(lambda: shows(result, TaskState.CANCELLED), "cancelled the slow task")
    assert result.progress < 0.5
    worker.stop()


def test_a_coroutine_counts_primes(drain: Drain) -> None:
    result = tasks.find_primes.enqueue(below=100)
    drain()
    assert answer(result) == {"count": 25, "largest": 97}


def test_an_offer_in_a_queue_where_nobody_works_expires(run_worker: WorkerLauncher) -> None:
    result = tasks.expires.using(expires=1).enqueue("Free shipping")
    worker = run_worker("--processes", 1, "--queue", "default")
    worker.wait_until(lambda: shows(result, TaskState.EXPIRED), "let the offer expire")
    worker.stop()


def test_every_sample_can_be_enqueued_and_checksums_come_in_bulk(drain: Drain) -> None:
    results = [sample.enqueue() for sample in samples.SAMPLES]
    assert len({result.id for result in results}) == len(samples.SAMPLES)
    for result in results:
        assert get_result(result.id).state in {TaskState.QUEUED, TaskState.PENDING}
        result.revoke()
    sums = samples.enqueue_checksums()
    drain()
    assert len(sums) == 19
    assert {len(answer(result)) for result in sums} == {64}


@pytest.mark.parametrize("name", ["../models.py", "/etc/passwd"])
def test_a_checksum_stays_inside_the_data_folder(name: str) -> None:
    with pytest.raises(ValueError, match="is not inside the demo's data folder"):
        tasks.checksum.call(name)


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "reports/none.zip"])
def test_only_files_of_the_demo_are_handed_out(name: str) -> None:
    assert file_in_media(name) is None


def shows(result: Any, state: TaskState) -> bool:
    result.refresh()
    return bool(result.state is state)
