"""Heavy work beside answers."""

import pytest

from classifier.model.pacing import Pace


class Machine:
    """A processor whose clock goes on only where it works."""

    def __init__(self):
        self.worked = 0.0
        self.rests = []

    def pace(self, busy, share=0.25):
        return Pace(lambda: busy, share=share, clock=lambda: self.worked, sleep=self.rests.append)


def test_work_rests_in_proportion_to_what_it_took():
    machine = Machine()
    pause = machine.pace(busy=True)
    pause()
    for step in (0.02, 0.1):
        machine.worked += step
        pause()
    assert machine.rests == pytest.approx([0.06, 0.3])


def test_what_came_before_the_first_step_does_not_count():
    machine = Machine()
    machine.worked = 50.0
    machine.pace(busy=True)()
    assert machine.rests == []


def test_nobody_waits_where_nobody_is_busy():
    machine = Machine()
    pause = machine.pace(busy=False)
    pause()
    machine.worked += 1.0
    pause()
    assert machine.rests == []
