"""DatabaseResults: values stay in the rows of their attempts, where the statement that records them puts them."""

from taskhub.result_backends.base import ResultBackend


class DatabaseResults(ResultBackend):
    """The default: one write for the outcome and its value. Values go with their tasks; `result_ttl` means nothing."""
