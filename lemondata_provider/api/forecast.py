"""
When tasks of one model are likely to end: learned from those that were seen to end, and pure.

Where the service tells a progress, it is believed as far as it foretold the ends of earlier tasks of the model; a
false, stuck or coarse one does no harm. Source: https://docs.lemondata.cc (get-task-status).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

EARLY = 0.05  # the share of tasks that may have ended at the first look
AGES = 200  # how many ends the first look is learned from: a model may become faster or slower
ENOUGH_AGES = 20  # with fewer, the earliest is luck
# What a burst does not spend on looks in vain is there when its first tasks end.
UNKNOWN = 12.0  # seconds, the age at the first look while nothing is known of a model: few videos are made sooner
UNKNOWN_TURNS = 30.0  # but not higher than these: a few tasks leave enough for looks in vain
GUESSES = 20  # how many foretold ends decide whether progress is believed
ENOUGH_GUESSES = 3  # that were right, before it is believed
FAR = 0.1  # an end counts as foretold if it was so for this part of the task's age: close to it any progress is right
NEAR = 0.1  # and if it was still unfinished this part of its age before: else nobody knows that it did not end sooner
EXACT = 0.05  # the part of a turn that an end may be uncertain by: to look again costs others a turn's wait
PROOFS = 8  # one task in so many is looked at before its foretold end: else nobody learns that it ended before that
AIM = 0.95  # how much of the way to the earliest foretold end a wait sleeps
SLACK = 0.03  # a foretold end may be wrong by this part of the task's age, and by SLACK_SECONDS
SLACK_SECONDS = 1.0  # what the service tells is rounded to seconds
LONGEST_SLEEP = 120.0  # whatever is foretold: a clock may have been set
SHORTEST_PAUSE = 1.0  # before a look that progress calls for


@dataclass(slots=True)
class Course:
    """
    What is known of one task's way to its end, in Unix seconds.

    :param created: when it was created.
    :param unfinished: when it was last seen unfinished.
    :param earliest: before this it does not end, if its progress is right.
    :param latest: by then it has ended, if its progress is right.
    :param foretold: when its progress told something of its end for the first time.
    :param misled: whether its progress contradicted itself, and tells nothing any more.
    """

    created: float | None = None
    unfinished: float | None = None
    earliest: float | None = None
    latest: float | None = None
    foretold: float | None = None
    misled: bool = False


class Forecast:
    """What the ends of earlier tasks of one model tell about the ones that run; a few kilobytes at the most."""

    def __init__(self) -> None:
        self._ages: deque[float] = deque()  # at the end, in the order in which they were seen
        self._sorted: list[float] = []
        self._right: deque[bool] = deque(maxlen=GUESSES)
        self._far = 0  # foretold ends that are not near: how many
        self._step = 0  # what all progress that was seen is a multiple of: coarse progress moves in steps

    def early_age(self) -> float | None:
        """Return the age in seconds before which hardly any task ends; nothing while too few were seen to end."""
        if len(self._sorted) < ENOUGH_AGES:
            return None
        return self._sorted[int(len(self._sorted) * EARLY)]

    def first_look(self, course: Course, now: float, pause: float, turn: float = 0.0) -> float:
        """
        Return the seconds until the first look.

        :param course: the task.
        :param now: Unix seconds.
        :param pause: at least this many seconds.
        :param turn: seconds until everybody's turn comes again.
        """
        early = self.early_age()
        if early is None or course.created is None:
            early = min(UNKNOWN_TURNS * turn, UNKNOWN)
        age = max(now - (course.created or now), 0.0)  # a clock may be behind the service's
        return max(pause, early - age)

    def next_look(
        self, course: Course, progress: float | None, now: float, pause: float, turn: float = 0.0
    ) -> tuple[float, bool]:
        """
        Return the seconds until the next look at a task that was just seen unfinished, and if its end is foretold then.

        :param course: the task.
        :param progress: what the service told, 0 to 100.
        :param now: Unix seconds.
        :param pause: what to wait where progress tells nothing.
        :param turn: seconds until everybody's turn comes again; where that is long, an end is soon exact enough.
        """
        course.unfinished = now
        self._foretell(course, progress, now)
        if course.earliest is None or course.latest is None or not self._may_guess:
            return pause, False
        earliest, latest = course.earliest - now, course.latest - now
        near = earliest <= max(pause, turn * EXACT)
        exact = latest - earliest <= max(SHORTEST_PAUSE, turn * EXACT)
        longest = max(pause, LONGEST_SLEEP)
        if exact and latest <= longest:
            self._far += not near
            if near or (self.believes_progress and self._far % PROOFS):
                return max(latest, min(SHORTEST_PAUSE, pause)), True
        # Not the whole way: who sleeps until after the end does not learn that it was foretold too late.
        aim = min(max(pause, earliest * AIM), longest)
        foretold = exact and aim < longest
        return (aim, foretold) if self.believes_progress or (foretold and aim < turn) else (pause, False)

    def ended(self, course: Course, now: float, told_age: float | None = None) -> None:
        """
        Learn from a task that was just seen to have ended, at some time since it was last seen unfinished.

        :param course: the task.
        :param now: Unix seconds.
        :param told_age: its age at the end in seconds, if the service told it.
        """
        if course.created is None or now <= course.created:
            return  # a clock was set back: that tells nothing of the model
        self._learn_age(course, now - course.created, told_age)
        if course.earliest is None or course.unfinished is None or course.latest is None:
            return
        age = now - course.created
        if now < course.earliest - SLACK_SECONDS:
            self._right.append(False)
        elif course.unfinished >= course.earliest - NEAR * age and now - (course.foretold or now) >= FAR * age:
            self._right.append(True)

    @property
    def believes_progress(self) -> bool:
        """Say whether progress foretold the ends of earlier tasks."""
        right = sum(self._right)
        return right >= ENOUGH_GUESSES and (len(self._right) - right) * 4 <= right

    @property
    def _may_guess(self) -> bool:
        """Say whether progress may call for an early look: until it was wrong twice, or where it is believed."""
        return self.believes_progress or self._right.count(False) < 2

    def _foretell(self, course: Course, progress: float | None, now: float) -> None:
        """Narrow down when the task ends if it goes on as it did so far; what contradicts itself foretells nothing."""
        if course.misled or not progress or course.created is None or now <= course.created:
            return
        self._step = math.gcd(self._step, max(1, int(progress)))
        age = now - course.created
        earliest = max(course.created + age * 100 / min(progress + self._step, 100.0), course.earliest or now, now)
        latest = min(course.created + age * 100 / progress, course.latest or math.inf)
        slack = SLACK * age + SLACK_SECONDS
        if earliest <= latest + slack:
            course.earliest, course.latest = earliest, latest
            course.foretold = course.foretold or now
        else:
            course.misled = True
            course.earliest = course.latest = None
            self._right.append(False)

    def _learn_age(self, course: Course, found: float, told: float | None) -> None:
        """Learn at which age a task ended: between the last look and the one that found its end."""
        last = course.unfinished - (course.created or 0.0) if course.unfinished is not None else 0.0
        if told is not None and last - SLACK_SECONDS <= told <= found - SLACK_SECONDS:
            age = told  # what was told as the time of this very look says nothing
        elif last:
            age = (last + found) / 2
        else:  # it had ended at the first look, so that one came late: the next ones come earlier
            age = max(found / 2, 0.9 * min(found, self.early_age() or 0.0))
        self._ages.append(age)
        insort(self._sorted, age)
        if len(self._ages) > AGES:
            del self._sorted[bisect_left(self._sorted, self._ages.popleft())]
