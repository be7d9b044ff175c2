"""Charts: the rollups as drawings with axes. The server draws them; a table beside each says the same in numbers."""

from dashboard.charts.latency import times
from dashboard.charts.throughput import pile_bars, pile_of, throughput

__all__ = ["pile_bars", "pile_of", "throughput", "times"]
