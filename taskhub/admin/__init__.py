"""Django's admin: schedules are edited here; all else is looked at, with guarded actions.

What tasks were called with and what they returned is on the dashboard, which masks what must not be shown.
"""

from taskhub.admin import records, schedules, tasks  # noqa: F401  # they register themselves
