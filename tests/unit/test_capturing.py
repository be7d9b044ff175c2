"""What of `logging` is filed into a task's log, and that all other handlers go on as before.

docs/logging.md says this to users, point by point.
"""

import asyncio
import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from taskhub import compat
from taskhub.capturing import Capturing
from taskhub.context import TaskContext
from taskhub.run import Run, current_run
from tests.app.tasks_conformance import echo


class Memory(logging.Handler):
    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


@pytest.fixture(autouse=True)
def plain_logging():
    """Logging as Django leaves it: the root logger at WARNING and without a handler."""
    level = logging.root.level
    logging.root.setLevel(logging.WARNING)
    yield
    logging.root.setLevel(level)
    for handler in list(logging.root.handlers):
        if isinstance(handler, Memory):
            logging.root.removeHandler(handler)


@pytest.fixture
def logger():
    """A logger of the user's that nobody has configured."""
    found = logging.getLogger("shop.orders")
    yield found
    found.setLevel(logging.NOTSET)
    found.propagate = True
    found.handlers[:] = []


@pytest.fixture
def run():
    return Run(None, echo, None)


@contextmanager
def capturing(run=None, fallback=None):
    # pytest's own handlers go (it puts them back for the next test): else nobody would be without a handler.
    logging.root.handlers[:] = [one for one in logging.root.handlers if isinstance(one, Memory)]
    handler = Capturing(fallback)
    handler.start()
    token = current_run.set(run)
    try:
        yield
    finally:
        current_run.reset(token)
        handler.stop()


def said(run):
    return [line.message for line in run.log.pending().lines] if run.log else []


def in_a_new_thread(act, name="own", context=None):
    thread = threading.Thread(
        target=act if context is None else lambda: context.run(act), name=name
    )
    thread.start()
    thread.join()


def test_info_of_a_logger_that_nobody_configured_is_caught_and_debug_is_not(run, logger):
    with capturing(run):
        logger.debug("noise")
        logger.info("order %s of %s", 3, "Ada")
        logger.error("gone")
    assert said(run) == ["order 3 of Ada", "gone"]
    lines = run.log.pending().lines
    assert [(line.level, line.logger) for line in lines] == [
        (20, "shop.orders"),
        (40, "shop.orders"),
    ]


def test_the_setting_says_from_which_level_on(run, logger, settings):
    settings.TASKHUB = {"LOG_LEVEL": "DEBUG"}
    with capturing(run):
        logger.debug("fine")
    settings.TASKHUB = {"LOG_LEVEL": "ERROR"}
    with capturing(run):
        logger.warning("not this")
        logger.error("this")
    assert said(run) == ["fine", "this"]


def test_a_level_that_the_user_gave_a_logger_counts(run, logger):
    logger.setLevel(logging.WARNING)
    with capturing(run):
        logger.info("dropped by its logger")
        logger.warning("kept")
    assert said(run) == ["kept"]


def test_a_logger_that_does_not_propagate_is_not_caught(run, logger):
    logger.propagate = False
    logger.addHandler(Memory())
    with capturing(run):
        logger.error("for its own handler only")
    assert said(run) == []


def test_a_traceback_is_part_of_the_line(run, logger):
    with capturing(run):
        try:
            raise KeyError("x")
        except KeyError:
            logger.exception("it broke")
    (line,) = said(run)
    assert line.startswith("it broke\nTraceback")
    assert line.endswith("KeyError: 'x'")


def test_a_line_that_cannot_be_formatted_harms_nobody(run, logger, capsys):
    with capturing(run):
        logger.info("%d", "text")
        logger.info("next")
    assert said(run) == ["next"]
    assert "Logging error" in capsys.readouterr().err


def test_what_is_logged_outside_of_a_task_is_nobodys(logger):
    with capturing(None):
        logger.error("between two tasks")


def test_messages_of_the_queue_itself_are_not_the_tasks(run):
    with capturing(run):
        logging.getLogger("taskhub.worker").error("about the task")
        logging.getLogger(compat.LOGGER_NAME).warning("about the task")
    assert said(run) == []


def test_the_messages_of_django_tasks_are_not_turned_on(run):
    ours = logging.getLogger("django_tasks")
    before = ours.isEnabledFor(logging.INFO)
    assert not before or compat.LOGGER_NAME != "django_tasks"
    with capturing(run):
        for name in ("taskhub.worker", compat.LOGGER_NAME):
            if name.partition(".")[0] != "django":  # Django sets that one to INFO itself
                assert not logging.getLogger(name).isEnabledFor(logging.INFO)


# -- threads and coroutines -----------------------------------------------------------------------


def test_in_a_process_with_one_task_its_own_threads_are_caught(run, logger):
    with capturing(None, fallback=lambda: run):
        in_a_new_thread(lambda: logger.info("a thread"))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(logger.info, "a pool").result()
        in_a_new_thread(lambda: logger.info("the worker's own"), name="taskhub-control")
        logger.info("the main thread, between two tasks")
    assert said(run) == ["a thread", "a pool"]


def test_in_a_pool_only_what_carries_the_context_is_caught(run, logger):
    with capturing(run):
        in_a_new_thread(lambda: logger.info("a bare thread"))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(logger.info, "a bare pool").result()
        in_a_new_thread(lambda: logger.info("with context"), context=contextvars.copy_context())
    assert said(run) == ["with context"]


def test_of_coroutines_side_by_side_each_has_its_own_lines(logger):
    first, second = Run(None, echo, None), Run(None, echo, None)

    async def one(run, name):
        current_run.set(run)
        for number in range(3):
            logger.info("%s %s", name, number)
            await asyncio.sleep(0)
        await asyncio.to_thread(logger.info, "%s in a thread", name)
        await asyncio.create_task(helper(name))

    async def helper(name):
        logger.info("%s in a task of asyncio", name)

    async def both():
        await asyncio.gather(one(first, "a"), one(second, "b"))

    with capturing(None):
        asyncio.run(both())
    for run, name in ((first, "a"), (second, "b")):
        assert said(run) == [
            *(f"{name} {number}" for number in range(3)),
            f"{name} in a thread",
            f"{name} in a task of asyncio",
        ]


# -- others' handlers -----------------------------------------------------------------------------


def test_a_console_shows_what_it_showed_before(run, logger):
    console = Memory()
    logging.root.addHandler(console)
    with capturing(run):
        logger.info("not for the console")
        logger.warning("for both")
    assert console.messages == ["for both"]
    assert said(run) == ["not for the console", "for both"]


def test_a_handler_on_a_logger_without_a_level_shows_what_it_showed_before(run, logger):
    own = Memory()
    logger.addHandler(own)
    with capturing(run):
        logger.info("not for its handler")
        logger.warning("for both")
    assert own.messages == ["for both"]


def test_a_console_goes_on_showing_what_a_logger_was_told_to_let_through(run, logger):
    console = Memory()
    logging.root.addHandler(console)
    logger.setLevel(logging.DEBUG)
    with capturing(run):
        logger.debug("debug")
        logging.getLogger("shop.orders.child").info("info")
    assert console.messages == ["debug", "info"]
    assert said(run) == ["info"]


def test_a_site_that_logs_more_than_we_catch_goes_on_to(run, logger):
    console = Memory()
    logging.root.addHandler(console)
    logging.root.setLevel(logging.DEBUG)
    with capturing(run):
        logger.debug("debug")
        assert logging.root.level == logging.DEBUG
    assert console.messages == ["debug"]


def test_where_no_handler_is_set_up_warnings_still_go_to_stderr(run, logger, capsys):
    with capturing(run):
        logger.info("info")
        logger.warning("warning")
        logging.getLogger("taskhub.worker").warning("of the worker")
    logging.getLogger("shop.orders").warning("afterwards")
    assert capsys.readouterr().err == "warning\nof the worker\nafterwards\n"


def test_warnings_that_have_a_handler_do_not_go_to_stderr(run, logger, capsys):
    logger.addHandler(Memory())
    with capturing(run):
        logger.warning("warning")
        logging.getLogger("shop.orders.child").warning("of a child")
    assert capsys.readouterr().err == ""


def test_a_root_logger_set_to_errors_does_not_begin_to_print_warnings(run, logger, capsys):
    logging.root.setLevel(logging.ERROR)
    with capturing(run):
        logger.warning("caught, not printed")
        logger.error("printed")
    assert said(run) == ["caught, not printed", "printed"]
    assert capsys.readouterr().err == "printed\n"


def test_afterwards_all_is_as_before(run, logger):
    console = Memory()
    logging.root.addHandler(console)
    with capturing(run):
        assert logging.root.level == logging.INFO
    assert logging.root.handlers == [console]
    assert logging.root.level == logging.WARNING
    assert console.filters == []
    assert logging.getLogger("taskhub").level == logging.NOTSET


def test_nothing_is_touched_where_no_lines_are_kept(run, logger, settings):
    settings.TASKHUB = {"LOG_LINES": 0}
    with capturing(run):
        assert (logging.root.level, logging.root.handlers) == (logging.WARNING, [])
        logger.warning("not kept")
    assert run.log is None


# -- the context's own lines ----------------------------------------------------------------------


def test_lines_of_the_context_are_caught_whatever_logging_is_set_to(run):
    context = TaskContext(run)
    logging.disable(logging.CRITICAL)
    try:
        context.log_info("%s of %s", 1, 2)
        context.log_warning("100%")
        context.log_error({"a": 1})
        context.log_info("%d", "wrong")
        context.log_info("too %s", "many", "arguments")
    finally:
        logging.disable(logging.NOTSET)
    assert said(run) == [
        "1 of 2", "100%", "{'a': 1}", "%d ('wrong',)", "too %s ('many', 'arguments')",
    ]  # fmt: skip
    assert [line.level for line in run.log.pending().lines] == [20, 30, 40, 20, 20]


def test_a_task_that_logs_nothing_has_no_log(run):
    with capturing(run):
        pass
    assert run.log is None
