"""TasksMixin: the kit as methods of a Django TestCase."""

from __future__ import annotations

from taskhub.testing import assertions, running


class TasksMixin:
    """For `class Tests(TasksMixin, TestCase)`; the methods are the functions of `taskhub.testing`.

    It works inside the transaction of Django's TestCase, and in a TransactionTestCase.
    """

    run_tasks = staticmethod(running.run_tasks)
    pass_time = staticmethod(running.pass_time)
    eager = staticmethod(running.eager)
    enqueued = staticmethod(assertions.enqueued)
    assert_enqueued = staticmethod(assertions.assert_enqueued)
    refute_enqueued = staticmethod(assertions.refute_enqueued)
