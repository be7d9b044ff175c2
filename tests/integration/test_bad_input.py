"""Bad input: what was seen, what was expected and where to set it; and nothing is half written."""

import enum
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

import taskhub
from taskhub import TaskhubError, TaskState, errors, queue
from taskhub.models import Result, Task, TaskTag
from tests.app import tasks as worker_tasks
from tests.app import tasks_conformance as tasks
from tests.app.models import Ledger
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
OURS = {"BACKEND": "taskhub.backend.TaskHubBackend"}


@pytest.fixture(autouse=True)
def _nothing_is_written(request):
    """Whatever was refused left no row; tests that run tasks say so."""
    yield
    if request.node.get_closest_marker("usefixtures") is None:
        assert (Task.objects.count(), TaskTag.objects.count()) == (0, 0)


runs_tasks = pytest.mark.usefixtures("drain")


def contained() -> list[object]:
    itself: list[object] = []
    itself.append(itself)
    return itself


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


class Plain:
    def __repr__(self) -> str:
        return "<Plain>"


BAD_ARGUMENTS = {
    "a datetime": (
        datetime(2030, 1, 1, tzinfo=UTC),
        ["args[0]", "datetime.datetime", "not JSON-serializable", "Pass strings, numbers"],
    ),
    "a set": ({1}, ["args[0]", "builtins.set", "{1}"]),
    "an object": (Plain(), ["args[0]", "Plain", "<Plain>", "its primary key"]),
    "a model instance": (Ledger(note="x"), ["args[0]", "Ledger", "its primary key"]),
    "a function": (len, ["args[0]", "not JSON-serializable"]),
    "deep inside": ({"a": [1, {"b": {2}}]}, ["args[0]['a'][1]['b']", "builtins.set"]),
    "not a number": (float("nan"), ["args[0]", "nan", "Pass a finite number or None"]),
    "infinity": ([float("inf")], ["args[0][0]", "inf", "Pass a finite number or None"]),
    "minus infinity": ({"x": -float("inf")}, ["args[0]['x']", "-inf"]),
    "a number as key": ({1: "x"}, ["args[0]", "the key 1", "int", "JSON keys are strings"]),
    "None as key": ({"a": {None: 1}}, ["args[0]['a']", "the key None", "JSON keys are strings"]),
    "a tuple as key": ({(1, 2): 1}, ["the key (1, 2)", "tuple"]),
    "a NUL": ("a\x00b", ["args[0]", "NUL", r"'a\x00b'"]),
    "a NUL in a key": ({"a\x00b": 1}, ["a key of args[0]", "NUL", r"'a\x00b'"]),
    "a lone surrogate": ("\ud800", ["args[0]", "surrogate", r"'\ud800'"]),
    "a lone surrogate deep inside": ([["ok", "\udfff"]], ["args[0][0][1]", r"'\udfff'"]),
    "bytes that are no text": (b"\xff", ["args[0]", "not UTF-8", r"b'\xff'"]),
    "bytes with a NUL": (b"\x00", ["args[0]", "NUL"]),
    "itself": (contained(), ["nested more than 100 levels deep, or contains itself"]),
    "too deep": (nested(150), ["nested more than 100 levels deep"]),
    "a number that cannot be read back": (10**5000, ["args[0]", "bits", "Pass it as text"]),
}


@pytest.mark.parametrize(("value", "words"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_what_is_not_json_is_refused_with_its_place(value, words):
    with pytest.raises(TaskhubError) as caught:
        tasks.echo.enqueue(value)
    assert isinstance(caught.value, TypeError | ValueError)
    for word in words:
        assert word in str(caught.value)
    with pytest.raises(TaskhubError, match=r"(kwargs|key of kwargs)\['x'\]|nested"):
        tasks.echo.enqueue(x=value)
    with pytest.raises(TaskhubError, match=r"^call 1: "):
        tasks.echo.enqueue_many([((), {}), ((value,), {})])
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "call",
    [5, (), ((1,),), ((1,), {}, 3), ("abc", {}), (5, {}), ((1,), [2]), ((1,), {1: 2})],
    ids=repr,
)
def test_a_call_of_enqueue_many_must_be_a_pair_of_arguments(call):
    with pytest.raises(errors.InvalidArguments, match="call 1") as caught:
        tasks.echo.enqueue_many([((1,), {}), call])
    assert "expected" in str(caught.value) or "JSON keys are strings" in str(caught.value)


def test_arguments_over_the_limit_are_refused_and_told_their_size(settings):
    with pytest.raises(errors.PayloadTooLarge) as caught:
        tasks.echo.enqueue("x" * 256 * 1024)
    assert "262146 bytes" not in str(caught.value), "kwargs count too"
    assert "262150 bytes" in str(caught.value)
    assert "the limit is 262144 (settings.TASKHUB['MAX_PAYLOAD_BYTES'])" in str(caught.value)
    settings.TASKHUB = {"MAX_PAYLOAD_BYTES": 20}
    with pytest.raises(errors.PayloadTooLarge, match="take 24 bytes as JSON; the limit is 20"):
        tasks.echo.enqueue("é" * 5, a=None)
    with pytest.raises(errors.PayloadTooLarge, match="call 0: "):
        tasks.echo.enqueue_many([(("x" * 20,), {})])


@runs_tasks
def test_arguments_just_at_the_limit_are_taken(settings, drain):
    settings.TASKHUB = {"MAX_PAYLOAD_BYTES": 20}
    result = tasks.echo.enqueue("é" * 7)
    drain()
    assert result.get(timeout=0) == [["é" * 7], {}]


def test_a_name_that_no_task_has_is_told_its_neighbours():
    with pytest.raises(errors.UnknownTask) as caught:
        taskhub.send("conformance.name", {"a": 1})
    assert "'conformance.name'" in str(caught.value)
    assert "Did you mean 'conformance.named'" in str(caught.value)
    assert "settings.TASKHUB['TASK_MODULES']" in str(caught.value)
    for name in ("", "os.system", None, 5, "tests.app.tasks_conformance.write_signal"):
        with pytest.raises(errors.UnknownTask, match="No task is registered as"):
            taskhub.send(name)


@pytest.mark.parametrize("payload", [[], [1], "text", 5, [("a", 1)]], ids=repr)
def test_a_payload_must_be_a_dict(payload):
    with pytest.raises(errors.InvalidArguments, match=r"payload is .*; expected a dict"):
        taskhub.send("conformance.named", payload)


def test_a_payload_needs_strings_as_keys():
    with pytest.raises(errors.InvalidArguments, match="payload has the key 1 of type int"):
        taskhub.send("conformance.named", {1: 2})
    with pytest.raises(errors.InvalidArguments, match="payload has the key None"):
        taskhub.send_batch("conformance.named", [{"a": 1}, {None: 2}])


def test_a_queue_that_is_not_declared_is_told_those_that_are(settings):
    settings.TASKS = {"default": {**OURS, "QUEUES": ["default", "mail"]}}
    with pytest.raises(TaskhubError) as caught:
        tasks.echo.using(queue_name="post")
    for word in ("queue_name='post'", "'default', 'mail'", "settings.TASKS['default']['QUEUES']"):
        assert word in str(caught.value)
    with pytest.raises(TaskhubError, match="queue_name='named' is not declared"):
        taskhub.send("conformance.named")


BAD_OPTIONS = {
    "a naive run_after": ({"run_after": datetime(2030, 1, 1)}, "expected an aware datetime"),  # noqa: DTZ001
    "a run_after that is text": ({"run_after": "tomorrow"}, "expected an aware datetime"),
    "a date beyond all time zones": (
        {"run_after": datetime.max.replace(tzinfo=UTC)},
        "expected an aware datetime",
    ),
    "a naive expires": ({"expires": datetime(2030, 1, 1)}, "or an aware datetime"),  # noqa: DTZ001
    "expires that is text": ({"expires": "tomorrow"}, "expected seconds, a timedelta or an aware"),
    "expires before now": ({"expires": -1}, "expected seconds, a timedelta or an aware"),
    "a countdown before now": ({"countdown": -1}, "expected seconds or a timedelta, zero or more"),
    "a countdown before the flood": ({"countdown": timedelta.min}, "zero or more"),
    "a countdown after the end": ({"countdown": timedelta.max}, "expected seconds or a timedelta"),
    "an endless countdown": ({"countdown": float("inf")}, "expected seconds or a timedelta"),
    "a countdown that is none": ({"countdown": float("nan")}, "expected seconds or a timedelta"),
    "two times": (
        {"countdown": 1, "run_after": datetime(2030, 1, 1, tzinfo=UTC)},
        "countdown and run_after exclude each other",
    ),
    "priority too high": ({"priority": 101}, "priority=101; expected a whole number from -100"),
    "priority too low": ({"priority": -101}, "priority=-101; expected a whole number from -100"),
    "half a priority": ({"priority": 0.5}, "priority=0.5; expected a whole number"),
    "tags that are a string": ({"tags": "mail"}, "tags='mail': expected a list, got a str"),
    "tags that are no strings": (
        {"tags": ["ok", 5]},
        "tags=('ok', 5); expected at most 50 strings",
    ),
    "an empty tag": ({"tags": [""]}, "strings of 1 to 100 characters"),
    "a tag too long": ({"tags": ["x" * 101]}, "strings of 1 to 100 characters"),
    "too many tags": ({"tags": list(map(str, range(51)))}, "expected at most 50 strings"),
    "a tag with a NUL": ({"tags": ["a\x00"]}, "expected at most 50 strings"),
    "tags that are nothing": ({"tags": None}, "tags=None: expected a list"),
    "an empty queue": ({"queue_name": ""}, "queue_name=''; expected a text of 1 to 100"),
    "a queue too long": ({"queue_name": "q" * 101}, "expected a text of 1 to 100"),
    "a queue with a NUL": ({"queue_name": "q\x00"}, "without NUL"),
    "a queue that is no text": ({"queue_name": 5}, "queue_name=5; expected a text"),
    "no timeout": ({"timeout": 0}, "timeout=0; expected a number of seconds above zero"),
    "an endless timeout": ({"timeout": float("inf")}, "expected a number of seconds above zero"),
    "timeout as text": ({"timeout": "5"}, "timeout='5'; expected a number of seconds"),
    "fewer than no retries": ({"max_retries": -1}, "expected a whole number from 0 to 10000"),
    "a shrinking backoff": ({"retry_backoff": 0.5}, "expected a factor from 1 to 1000"),
    "too much jitter": ({"retry_jitter": 1.5}, "expected a share from 0 to 1"),
    "retry_on of no exception": ({"retry_on": [int]}, "expected exception classes"),
    "retry_on as text": ({"retry_on": "ValueError"}, "expected a list, got a str"),
    "an unknown way to lose": ({"on_worker_loss": "ignore"}, "expected 'retry' or 'fail'"),
    "an unknown pool": ({"pool": "gpu"}, "expected 'process', 'thread' or 'async'"),
    "atomic as a number": ({"atomic": 1}, "atomic=1; expected True or False"),
    "a misspelt option": ({"timout": 5}, "unknown option 'timout'; did you mean 'timeout'?"),
    "an unknown option": ({"xyz": 5}, "unknown option 'xyz'; known options: atomic, backend"),
    "another name": ({"name": "x"}, "a task's name is given once, in @task(name=…)"),
    "an unknown backend": ({"backend": "nope"}, "backend='nope'"),
}


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_an_option_that_cannot_be_used_is_refused_by_name(options, words):
    with pytest.raises(TaskhubError) as caught:
        tasks.echo.using(**options)
    assert words in str(caught.value)
    assert (
        "tests.app.tasks_conformance.echo" in str(caught.value)
        or "tags=" in words
        or "retry_on=" in str(caught.value)
    )
    with pytest.raises(TaskhubError):
        taskhub.send("conformance.named", {}, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"expires": 0},
        {"expires": timedelta(0)},
        {"expires": HOUR, "countdown": HOUR},
        {"expires": 10, "countdown": 20},
        {"expires": datetime(2020, 1, 1, tzinfo=UTC)},
        {
            "expires": datetime(2030, 1, 1, tzinfo=UTC),
            "run_after": datetime(2030, 1, 1, tzinfo=UTC),
        },
    ],
    ids=repr,
)
def test_a_task_must_expire_after_it_may_start(options):
    task = tasks.echo.using(**options)
    with pytest.raises(errors.InvalidOption) as caught:
        task.enqueue()
    assert "which is not after" in str(caught.value)
    assert f"expires={options['expires']!r}" in str(caught.value)
    assert ("run_after" if len(options) > 1 else "now") in str(caught.value)


def test_options_of_the_decorator_are_refused_as_well():
    function = tasks.echo.func
    for options, words in (
        ({"prority": 5}, "unknown option 'prority'; did you mean 'priority'?"),
        ({"priority": 500}, "priority=500; expected a whole number from -100 to 100"),
        ({"name": "n" * 201}, "expected a text of 1 to 200 characters"),
        ({"name": "a\x00"}, "without NUL"),
        ({"run_after": timezone.now()}, "run_after cannot be fixed in the decorator"),
        ({"name": "conformance.named"}, "Two tasks are named 'conformance.named'"),
        ({"backend": "nope"}, "Expected one of 'default' (settings.TASKS)"),
    ):
        with pytest.raises(TaskhubError) as caught:
            taskhub.task(**options)(function)
        assert words in str(caught.value)


def test_a_lambda_or_a_nested_function_is_refused():
    def inner() -> None: ...

    for function, words in (
        (inner, "inner is a lambda or a nested function"),
        (lambda: None, "is a lambda or a nested function"),
        (Plain(), "<Plain> is a Plain"),
        (print, "is a builtin_function_or_method"),
        (Plain, "is a type"),
    ):
        with pytest.raises(errors.InvalidOption) as caught:
            taskhub.task(function)
        assert words in str(caught.value)
        assert "expected a function defined at the top level" in str(caught.value)


def test_get_inside_the_transaction_that_enqueued_fails_at_once():
    with transaction.atomic():
        results = [tasks.echo.enqueue(), *tasks.echo.enqueue_many([((), {})])]
        for result in results:
            for wait in (result.get, result.wait):
                with pytest.raises(errors.InsideTransaction) as caught:
                    wait()
                assert f"Task {result.id} was enqueued in this transaction" in str(caught.value)
                assert "Wait after the `with transaction.atomic():` block" in str(caught.value)
        transaction.set_rollback(True)


@runs_tasks
def test_get_after_the_transaction_that_enqueued_works(drain):
    with transaction.atomic():
        result = tasks.echo.enqueue(1)
    drain()
    with transaction.atomic():
        assert result.get(timeout=0) == [[1], {}]


def test_an_error_of_the_database_leaves_the_callers_transaction_usable():
    """A savepoint: what was written before goes on to the commit."""
    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="kept")
        with pytest.raises(TaskhubError):
            tasks.echo.enqueue(object())
        with pytest.raises(errors.EnqueueFailed) as caught, _without_the_table():
            tasks.echo.enqueue(1)
    assert "refused the task tests.app.tasks_conformance.echo" in str(caught.value)
    assert "'default'" in str(caught.value)
    assert Ledger.objects.get().note == "kept"


class _without_the_table:  # noqa: N801 - reads as a statement
    """Make the database refuse tasks: their table is not there."""

    def __enter__(self):
        self.table = Task._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {self.table} RENAME TO {self.table}_away")

    def __exit__(self, *error):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {self.table}_away RENAME TO {self.table}")


# -- what is odd and yet good ---------------------------------------------------------------------


class Color(str, enum.Enum):  # noqa: UP042 - as many sites have them
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


@runs_tasks
def test_members_of_enums_are_stored_as_their_values(drain):
    result = tasks.echo.enqueue(Color.RED, Size.BIG, {Color.RED: [Color.RED]}, color=Color.RED)
    drain()
    assert result.get(timeout=0) == [["red", 3, {"red": ["red"]}], {"color": "red"}]


@runs_tasks
def test_all_that_json_can_say_arrives_as_it_was_sent(drain):
    value = {
        "": None,
        "emoji 🦀 and \u2028": ["\x01", "\x7f", "'; DROP TABLE taskhub_task; --", "%s %(x)s {0}"],
        "numbers": [0, -1, 2**53 + 1, 1.5, 1e-7, True, False],
        "nested": nested(20),
    }
    result = tasks.echo.enqueue(value)
    odd_names = {"not an identifier": 1, "self": 2, "args": 3, "name": 4}
    sent = taskhub.send(tasks.echo.identifier, odd_names)
    drain()
    assert result.get(timeout=0) == [[value], {}]
    assert sent.get(timeout=0) == [[], odd_names]


# -- what the worker meets ------------------------------------------------------------------------


def damage(result, **columns):
    """Change a task's row by hand, past all that would check it."""
    sets = ", ".join(f"{column} = %s" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE taskhub_task SET {sets} WHERE id = %s", [*columns.values(), int(result.id)]
        )


DAMAGES = {
    "args": [('{"a": 1}', "expected a JSON array"), ("5", "array"), ('"abc"', "array"), ("null", "array")],
    "kwargs": [("[1]", "expected a JSON object"), ("5", "object"), ('"abc"', "object"), ("null", "object")],
    "options": [
        ("[1]", "The column options of this task is"),
        ("5", "The column options of this task is"),
        ('"timeout"', "The column options of this task is"),
        ('{"timeout": "soon"}', "timeout='soon'; expected a number of seconds"),
        ('{"timeout": -5}', "timeout=-5; expected"),
        ('{"nonsense": 1}', "unknown option 'nonsense'"),
        ('{"retry_on": 5}', "retry_on=5: expected a list"),
        ('{"run_after": "tomorrow"}', "expected an aware datetime"),
        ('{"queue_name": ""}', "queue_name=''"),
        ('{"backend": "nope"}', "backend='nope'"),
        ('{"name": "another"}', "a task's name is given once"),
    ],
}  # fmt: skip


@runs_tasks
@pytest.mark.parametrize("column", DAMAGES)
def test_a_row_damaged_by_hand_fails_alone_with_a_clear_error(column, drain):
    before = tasks.echo.enqueue("before")
    damaged = [(tasks.echo.enqueue(1), *case) for case in DAMAGES[column]]
    after = tasks.echo.enqueue("after")
    for result, value, _ in damaged:
        damage(result, **{column: value})
    output = drain("--processes", "1")
    for result, value, words in damaged:
        result.refresh()
        assert (result.state, result.attempts) == (TaskState.FAILED, 1), value
        (error,) = result.errors
        assert error.exception_class is errors.DamagedTask
        assert words in error.message
        assert f"column {column}" in error.message
        with pytest.raises(errors.TaskFailed, match="DamagedTask"):
            result.get(timeout=0)
    assert [before.get(timeout=0), after.get(timeout=0)] == [[["before"], {}], [["after"], {}]]
    assert "ended with" not in output, "no child of the worker died of it"
    assert Task.objects.filter(losses__gt=0).count() == 0


@runs_tasks
def test_arguments_that_the_function_does_not_take_fail_that_task_alone(drain):
    wrong = worker_tasks.add.using(max_retries=0).enqueue(1, c=5)
    fine = worker_tasks.add.enqueue(1, 2)
    drain("--processes", "1")
    wrong.refresh()
    assert wrong.errors[0].exception_class is TypeError
    assert "unexpected keyword argument 'c'" in wrong.errors[0].message
    assert fine.get(timeout=0) == 3


@runs_tasks
def test_a_result_that_cannot_be_stored_is_not_tried_again(settings, drain):
    too_much = tasks.return_too_much.using(max_retries=3).enqueue(1024 * 1024)
    fits = tasks.return_too_much.enqueue(1024 * 1024 - 2)
    no_json = tasks.return_what_json_lacks.using(retry_delay=0).enqueue()
    drain("--processes", "1")
    too_much.refresh()
    assert (too_much.state, too_much.attempts) == (TaskState.FAILED, 1)
    assert too_much.errors[0].exception_class is errors.ResultNotStorable
    assert "1048578 bytes as JSON; the limit is 1048576" in too_much.errors[0].message
    assert "settings.TASKHUB['MAX_RESULT_BYTES']" in too_much.errors[0].message
    assert len(fits.get(timeout=0)) == 1024 * 1024 - 2
    no_json.refresh()
    assert (no_json.state, no_json.attempts) == (TaskState.FAILED, 1)
    named = f"Task #{no_json.id} ({no_json.task.identifier}): the return value is a builtins.set"
    assert named in no_json.errors[0].message


@runs_tasks
@pytest.mark.parametrize("kind", ["snooze", "retry"])
def test_a_delay_that_no_calendar_has_fails_that_task_alone(kind, drain):
    results = [
        tasks.choose_an_impossible_delay.enqueue(kind, seconds) for seconds in (1e18, -1, 1e300)
    ]
    fine = tasks.echo.enqueue(1)
    drain("--processes", "1")
    for result in results:
        result.refresh()
        assert result.state == TaskState.FAILED
        assert "expected a number of seconds from 0 to 1e+10" in result.errors[0].message
    assert fine.get(timeout=0) == [[1], {}]


@runs_tasks
def test_the_longest_delay_is_still_a_date(drain):
    result = tasks.choose_an_impossible_delay.enqueue("snooze", 1e10)
    drain()
    result.refresh()
    assert result.state == TaskState.PENDING


@runs_tasks
def test_progress_outside_zero_to_one_is_refused(drain):
    results = [tasks.report_badly.enqueue(fraction) for fraction in (1.1, -0.1, 2**80)]
    fine = [tasks.report_badly.enqueue(fraction) for fraction in (0, 1, 0.5)]
    drain()
    for result in results:
        assert "expected a fraction from 0 to 1" in result.get(timeout=0)
    assert [result.get(timeout=0) for result in fine] == ["accepted"] * 3


@runs_tasks
def test_texts_longer_than_their_columns_are_cut(drain):
    """Reasons, messages and progress go into columns of 500 characters, also with characters made visible."""
    long = "start" + "é\x00" * 5000 + "end"
    cancelled = tasks.echo.enqueue()
    cancelled.revoke(long)
    reported = tasks.report_long.enqueue(3000)
    drain()
    queue.pause("anything", long)
    reported.refresh()
    for text in (cancelled.reason, reported.progress_message):
        assert 400 < len(text) <= 500
        assert "… cut from" in text
    assert cancelled.reason.startswith("start")
    assert cancelled.reason.endswith("end")


@runs_tasks
def test_a_connection_that_a_task_broke_does_not_harm_the_next(drain):
    broken, fine = tasks.break_the_connection.enqueue(), tasks.write_down.enqueue("fine")
    drain("--processes", "1")
    broken.refresh()
    assert broken.state == TaskState.FAILED
    assert fine.get(timeout=0) is None
    assert Ledger.objects.get().note == "fine"
    eventually(lambda: Result.objects.count() == 2)
