"""TaskError: what one attempt failed with."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from inspect import getattr_static, isclass
from typing import Any

from taskhub import compat


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskError(compat.TaskError):  # type: ignore[misc]
    """The error of one attempt."""

    message: str = ""

    @property
    def exception_class(self) -> type[BaseException]:
        """The class, where this process has loaded it already: nothing is imported because a row names it.

        Raises:
            ValueError: the class is not loaded here, or the path names something else.
        """
        found = _loaded(self.exception_class_path)
        if not isclass(found) or not issubclass(found, BaseException):
            raise ValueError(
                f"{self.exception_class_path!r} is not an exception class that this process has loaded."
            )
        return found


def _loaded(path: str) -> Any:
    """Return what a dotted path names in the modules that are loaded, also inside a class; runs no code of theirs."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        if found is not None:
            for name in parts[cut:]:
                found = getattr_static(found, name, None)
            return found
    return None
