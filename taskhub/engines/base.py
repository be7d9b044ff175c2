"""Engine: the statements of the hot path, in the SQL that SQLite and MySQL share. PostgreSQL has its own."""

from __future__ import annotations

from taskhub.engines.claiming import Claiming
from taskhub.engines.counting import Counting
from taskhub.engines.deadline import Deadline
from taskhub.engines.enqueueing import Enqueueing
from taskhub.engines.finishing import Finishing
from taskhub.engines.gating import Gating
from taskhub.engines.linking import Linking
from taskhub.engines.naming import Naming
from taskhub.engines.timetable import Timetable
from taskhub.engines.upkeep import Upkeep


class Engine(
    Enqueueing, Claiming, Finishing, Linking, Gating, Naming, Counting, Timetable, Deadline, Upkeep
):
    """The queue's statements on one database alias, on the calling thread's connection.

    Each method is one transaction of its own, or a savepoint inside the caller's. Times are parameters or the
    database's clock, never the start of the caller's transaction.
    """


__all__ = ["Engine"]
