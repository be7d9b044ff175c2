"""CacheResults: values are kept in a cache of Django's, such as Redis; the rows of attempts say so."""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from taskhub import conf
from taskhub.errors import ResultUnavailable
from taskhub.result_backends.base import Fence, ResultBackend, Value

logger = logging.getLogger("taskhub.results")

_TRIES = 2
_REST = 5.0  # seconds in which a cache that has failed is left alone


class CacheResults(ResultBackend):
    """Keeps each value for the `result_ttl` of its task, else for TASKHUB["RETENTION"]["succeeded"] seconds.

    While the cache is in trouble values stay in the rows of their attempts, as with the database: nothing is lost, and
    nobody waits for it.
    """

    keeps_values = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._rest_until = 0.0

    @property
    def cache(self) -> BaseCache:
        """The calling thread's connection to it."""
        return caches[conf.get().result_cache]

    def store_result(self, values: Sequence[Value]) -> Collection[Fence]:
        by_ttl: dict[int | None, dict[str, Value]] = defaultdict(dict)
        for value in values:
            by_ttl[_seconds(value.ttl)][_key(value.fence)] = value
        kept: set[Fence] = set()
        for ttl, part in by_ttl.items():
            failed = self._set({key: value.text for key, value in part.items()}, ttl)
            kept |= {value.fence for key, value in part.items() if key not in failed}
        return kept

    def _set(self, texts: Mapping[str, str], ttl: int | None) -> Collection[str]:
        """Write with one call; return the keys that are not kept."""
        for number in range(1, _TRIES + 1):
            if time.monotonic() < self._rest_until:
                break
            try:
                return self.cache.set_many(dict(texts), timeout=ttl)
            except Exception as error:  # noqa: BLE001  # each cache has errors of its own
                if number == _TRIES:
                    self._rest_until = time.monotonic() + _REST
                    logger.warning(
                        "The cache %r (settings.TASKHUB['RESULT_CACHE']) refuses values; for %g s they are kept in the "
                        "database: %r", conf.get().result_cache, _REST, error,
                    )  # fmt: skip
        return texts.keys()

    def get(self, fences: Sequence[Fence]) -> Mapping[Fence, str]:
        keys = {_key(fence): fence for fence in fences}
        try:
            found = self.cache.get_many(list(keys))
        except Exception as error:
            raise ResultUnavailable(
                f"The cache {conf.get().result_cache!r} (settings.TASKHUB['RESULT_CACHE']), which keeps this result, "
                f"does not answer: {error!r}"
            ) from error
        return {keys[key]: text for key, text in found.items()}

    def cleanup(self, fences: Sequence[Fence]) -> None:
        try:
            self.cache.delete_many([_key(fence) for fence in fences])
        except Exception as error:  # noqa: BLE001  # they go at their time
            logger.warning("The cache %r did not delete values: %r", conf.get().result_cache, error)


def _key(fence: Fence) -> str:
    return f"taskhub:{fence[0]}:{fence[1]}"


def _seconds(ttl: float | None) -> int | None:
    """Return whole seconds, never zero: that would delete the value at once."""
    seconds = conf.get().retention.succeeded if ttl is None else ttl
    return None if seconds is None else max(1, math.ceil(seconds))
