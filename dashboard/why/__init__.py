"""Why a task that waits is not running: `why(task, now)`; each kind of reason has a module."""

from dashboard.why.why import Why, why

__all__ = ["Why", "why"]
