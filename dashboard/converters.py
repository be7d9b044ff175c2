"""Converters: ids and names of queues in URLs."""

from urllib.parse import quote, unquote


class TaskId:
    """The id of a task: what a bigint holds."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number >= 2**63:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        return str(value)


class Fingerprint:
    """What errors of one origin have in common."""

    regex = "[0-9a-f]{16}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class QueueName:
    """The name of a queue, escaped with `~` in place of `%`.

    Servers decode `%2F` before Django sees the path, browsers resolve `..`, and a name may hold both.
    """

    regex = "[A-Za-z0-9_.~-]+"

    def to_python(self, value: str) -> str:
        name = "" if value == "~" else unquote(value.replace("~", "%"), errors="strict")
        if len(name) > 100 or self.to_url(name) != value:
            raise ValueError(value)
        return name

    def to_url(self, value: str) -> str:
        escaped = quote(value, safe="").replace("~", "%7E").replace("%", "~")
        if escaped.startswith("."):
            escaped = "~2E" + escaped[1:]
        return escaped or "~"
