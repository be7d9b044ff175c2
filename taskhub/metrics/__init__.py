"""Metrics: counts and latency histograms of attempts, by minute, hour and day, queue, task and outcome."""

from taskhub.metrics.histogram import BOUNDS, quantile
from taskhub.metrics.recorder import Recorder
from taskhub.metrics.rollup import roll_up
from taskhub.metrics.series import Point, series

__all__ = ["BOUNDS", "Point", "Recorder", "quantile", "roll_up", "series"]
