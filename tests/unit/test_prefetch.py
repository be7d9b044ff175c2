"""How much a child claims ahead."""

from workers.prefetch import Prefetch
from workers.tray import END, TRAY_HOLDS, Tray


def test_a_child_of_many_slots_claims_no_more_than_its_tray_holds():
    prefetch = Prefetch(3000)
    assert prefetch.room(0, 0, 0.0) == 3000
    prefetch.learn(0.000_01)
    assert prefetch.room(0, 0, 0.0) == TRAY_HOLDS
    assert prefetch.room(3500, 500, 0.0) <= TRAY_HOLDS - 500
    tray = Tray()
    tray.put([(number, 1) for number in range(1, TRAY_HOLDS + 1)])
    tray.put([END])
    assert len(tray) == TRAY_HOLDS + 1
