import pytest

from dashboard import bulk_titles, tracebacks, words
from dashboard.converters import QueueName
from dashboard.lanes import lane
from taskhub.models import BulkAction, BulkState, BulkVerb


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0004, "<1 ms"),
        (0.001, "1 ms"),
        (0.04, "40 ms"),
        (0.4, "0.4 s"),
        (3.42, "3.4 s"),
        (9.97, "10 s"),
        (59.6, "1 min"),
        (102, "1 min 42 s"),
        (120, "2 min"),
        (2280, "38 min"),
        (22_320, "6 h 12 min"),
        (86_400, "24 h"),
        (3 * 86_400, "3 days"),
        (-5, "0 s"),
    ],
)
def test_a_duration_is_as_precise_as_it_is_short(seconds, text):
    assert words.duration(seconds) == text


def test_counts_stop_at_the_cap():
    assert [words.capped(n) for n in (0, 1132, 10_000, 10_001)] == ["0", "1,132", "10,000", "10k+"]


def test_what_is_known_exactly_is_recorded_exactly():
    told = [words.recorded(n, "task") for n in (1, 2, 20_000)]
    assert told == ["1 task", "2 tasks", "20,000 tasks"]


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (BulkState.DONE, "Purged 20,000 tasks"),
        (BulkState.UNDONE, "Brought 15,000 tasks back"),
        (BulkState.STOPPED, "Stopped: purged 20,000 of 30,000 tasks"),
    ],
)
def test_a_mass_action_counts_its_tasks_exactly(state, title):
    action = BulkAction(
        verb=BulkVerb.PURGE, state=state, pinned=30_000, changed=20_000, restored=15_000
    )
    assert bulk_titles.title(action) == title


@pytest.mark.parametrize("name", ["", ".", "..", "~", "a/b", "a%2Fb", "ü", "mail", "a-b_c.d", " "])
def test_a_queue_name_survives_its_url(name):
    converter = QueueName()
    assert converter.to_python(converter.to_url(name)) == name


def test_a_lane_grows_with_its_work_and_never_leaves_its_bed():
    few, many, huge = (
        lane(queued=n, retrying=1, pending=n, running=3, slots=40, is_paused=False, is_staffed=True)
        for n in (5, 500, 50_000_000)
    )
    assert few.blocks[0].width < many.blocks[0].width
    assert all(block.x >= 0 for block in huge.blocks)
    assert len(huge.slots) == 16
    assert sum(slot.is_busy for slot in huge.slots) == 1


def test_a_traceback_without_places_is_shown_as_it_is():
    found = tracebacks.frames("boom\nbang")
    assert found is not None
    assert (found.raised, found.text) == ([], ["boom", "bang"])
    assert tracebacks.frames("") is None
