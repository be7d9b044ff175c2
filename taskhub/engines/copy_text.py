"""The text format of PostgreSQL's COPY: rows of new tasks as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from taskhub.engines.rows import NewTask

_ARGS = NewTask._fields.index("args")
_AFTER_KWARGS = NewTask._fields.index("kwargs") + 1


def copy_lines(ids: Sequence[int], rows: Sequence[NewTask], end: str, width: int) -> Iterator[str]:
    """Yield a line for each task: its id, its first `width` columns and `end`, which is what all rows end with.

    Rows of one bulk differ in little but their arguments; what a row shares with the one before is not written anew.
    """
    shared: tuple[Any, ...] = ()
    before = after = ""
    for id_, row in zip(ids, rows, strict=True):
        rest = row[:_ARGS] + row[_AFTER_KWARGS:width]
        if rest != shared:
            shared = rest
            before = "\t".join(map(field, row[:_ARGS]))
            after = "\t".join(map(field, row[_AFTER_KWARGS:width]))
        yield f"{id_}\t{before}\t{_escaped(row.args)}\t{_escaped(row.kwargs)}\t{after}\t{end}\n"


def field(value: Any) -> str:
    r"""Write one column: `\N` is NULL, and what would end a column or a line is escaped."""
    if type(value) is int:
        return str(value)
    return r"\N" if value is None else _escaped(str(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
