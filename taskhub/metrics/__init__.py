"""Metrics: counts and latency histograms of attempts, by minute, hour and day, queue, task and outcome.

And, by minute and queue, how long the oldest task had waited.
"""

from taskhub.metrics.flow import Flow, counts, flows, flows_of
from taskhub.metrics.histogram import BOUNDS, quantile
from taskhub.metrics.recorder import Recorder
from taskhub.metrics.rollup import roll_up
from taskhub.metrics.series import Point, series
from taskhub.metrics.waits import Lookout, oldest_waits

__all__ = [
    "BOUNDS",
    "Flow",
    "Lookout",
    "Point",
    "Recorder",
    "counts",
    "flows",
    "flows_of",
    "oldest_waits",
    "quantile",
    "roll_up",
    "series",
]
