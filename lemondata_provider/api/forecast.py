"""
When tasks of one model are likely to end: learned from those that were seen to end, and pure.

Where the service tells a progress, it is believed as far as it predicted the ends of earlier tasks of the model; a
false, stuck or coarse one does no harm. Source: https://docs.lemondata.cc (get-task-status).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

EARLY = 0.05  # the share of tasks that may have ended at the first poll
AGES = 200  # how many ends the first poll is learned from: a model may become faster or slower
ENOUGH_AGES = 20  # with fewer, the earliest is luck
# What a burst does not spend on polls in vain is there when its first tasks end.
UNKNOWN = 12.0  # seconds, the age at the first poll while nothing is known of a model: few videos are made sooner
UNKNOWN_TURNS = 30.0  # but not higher than these: a few tasks leave enough for polls in vain
GUESSES = 20  # how many predicted ends decide whether progress is believed
ENOUGH_GUESSES = 3  # that were right, before it is believed
FAR = 0.1  # an end counts as predicted if it was so for this part of the task's age: close to it any progress is right
NEAR = 0.1  # and if it was still unfinished this part of its age before: else nobody knows that it did not end sooner
EXACT = 0.05  # the part of a turn that an end may be uncertain by: to poll again costs others a turn's wait
PROOFS = 8  # one task in so many is polled before its predicted end: else nobody learns that it ended before that
AIM = 0.95  # how much of the way to the earliest predicted end a wait sleeps
SLACK = 0.03  # a predicted end may be wrong by this part of the task's age, and by SLACK_SECONDS
SLACK_SECONDS = 1.0  # what the service tells is rounded to seconds
MAX_SLEEP = 120.0  # whatever is predicted: a clock may have been set
MIN_PAUSE = 1.0  # before a poll that progress calls for


@dataclass(slots=True)
class TaskTimeline:
    """
    What is known of one task's way to its end, in Unix seconds.

    :param created: when it was created.
    :param unfinished: when it was last seen unfinished.
    :param earliest: before this it does not end, if its progress is right.
    :param latest: by then it has ended, if its progress is right.
    :param predicted: when its progress told something of its end for the first time.
    :param misled: whether its progress contradicted itself, and tells nothing any more.
    """

    created: float | None = None
    unfinished: float | None = None
    earliest: float | None = None
    latest: float | None = None
    predicted: float | None = None
    misled: bool = False


class Forecast:
    """What the ends of earlier tasks of one model tell about the ones that run; a few kilobytes at the most."""

    def __init__(self) -> None:
        self._ages: deque[float] = deque()  # at the end, in the order in which they were seen
        self._sorted: list[float] = []
        self._right: deque[bool] = deque(maxlen=GUESSES)
        self._far = 0  # predicted ends that are not near: how many
        self._step = 0  # what all progress that was seen is a multiple of: coarse progress moves in steps

    def early_quantile(self) -> float | None:
        """Return the age in seconds before which hardly any task ends; nothing while too few were seen to end."""
        if len(self._sorted) < ENOUGH_AGES:
            return None
        return self._sorted[int(len(self._sorted) * EARLY)]

    def first_poll(self, timeline: TaskTimeline, now: float, pause: float, round_seconds: float = 0.0) -> float:
        """
        Return the seconds until the first poll.

        :param timeline: the task.
        :param now: Unix seconds.
        :param pause: at least this many seconds.
        :param round_seconds: seconds until everybody's turn comes again.
        """
        early = self.early_quantile()
        if early is None or timeline.created is None:
            early = min(UNKNOWN_TURNS * round_seconds, UNKNOWN)
        age = max(now - (timeline.created or now), 0.0)  # a clock may be behind the service's
        return max(pause, early - age)

    def next_poll(
        self, timeline: TaskTimeline, progress: float | None, now: float, pause: float, round_seconds: float = 0.0
    ) -> tuple[float, bool]:
        """
        Return the seconds until the next poll a task that was just seen unfinished, and if its end is predicted then.

        :param timeline: the task.
        :param progress: what the service told, 0 to 100.
        :param now: Unix seconds.
        :param pause: what to wait where progress tells nothing.
        :param round_seconds: seconds for one poll of every task; if that is long, an end is soon exact enough.
        """
        timeline.unfinished = now
        self._predict(timeline, progress, now)
        if timeline.earliest is None or timeline.latest is None or not self._may_guess:
            return pause, False
        earliest, latest = timeline.earliest - now, timeline.latest - now
        near = earliest <= max(pause, round_seconds * EXACT)
        exact = latest - earliest <= max(MIN_PAUSE, round_seconds * EXACT)
        longest = max(pause, MAX_SLEEP)
        if exact and latest <= longest:
            self._far += not near
            if near or (self.believes_progress and self._far % PROOFS):
                return max(latest, min(MIN_PAUSE, pause)), True
        # Not the whole way: who sleeps until after the end does not learn that it was predicted too late.
        aim = min(max(pause, earliest * AIM), longest)
        predicted = exact and aim < longest
        return (aim, predicted) if self.believes_progress or (predicted and aim < round_seconds) else (pause, False)

    def ended(self, timeline: TaskTimeline, now: float, told_age: float | None = None) -> None:
        """
        Learn from a task that was just seen to have ended, at some time since it was last seen unfinished.

        :param timeline: the task.
        :param now: Unix seconds.
        :param told_age: its age at the end in seconds, if the service told it.
        """
        if timeline.created is None or now <= timeline.created:
            return  # a clock was set back: that tells nothing of the model
        self._learn_age(timeline, now - timeline.created, told_age)
        if timeline.earliest is None or timeline.unfinished is None or timeline.latest is None:
            return
        age = now - timeline.created
        if now < timeline.earliest - SLACK_SECONDS:
            self._right.append(False)
        elif timeline.unfinished >= timeline.earliest - NEAR * age and now - (timeline.predicted or now) >= FAR * age:
            self._right.append(True)

    @property
    def believes_progress(self) -> bool:
        """Say whether progress predicted the ends of earlier tasks."""
        right = sum(self._right)
        return right >= ENOUGH_GUESSES and (len(self._right) - right) * 4 <= right

    @property
    def _may_guess(self) -> bool:
        """Say whether progress may call for an early poll: until it was wrong twice, or where it is believed."""
        return self.believes_progress or self._right.count(False) < 2

    def _predict(self, timeline: TaskTimeline, progress: float | None, now: float) -> None:
        """Narrow down when the task ends if it goes on as it did so far; what contradicts itself predicts nothing."""
        if timeline.misled or not progress or timeline.created is None or now <= timeline.created:
            return
        self._step = math.gcd(self._step, max(1, int(progress)))
        age = now - timeline.created
        earliest = max(timeline.created + age * 100 / min(progress + self._step, 100.0), timeline.earliest or now, now)
        latest = min(timeline.created + age * 100 / progress, timeline.latest or math.inf)
        slack = SLACK * age + SLACK_SECONDS
        if earliest <= latest + slack:
            timeline.earliest, timeline.latest = earliest, latest
            timeline.predicted = timeline.predicted or now
        else:
            timeline.misled = True
            timeline.earliest = timeline.latest = None
            self._right.append(False)

    def _learn_age(self, timeline: TaskTimeline, found: float, told: float | None) -> None:
        """Learn at which age a task ended: between the last poll and the one that found its end."""
        last = timeline.unfinished - (timeline.created or 0.0) if timeline.unfinished is not None else 0.0
        if told is not None and last - SLACK_SECONDS <= told <= found - SLACK_SECONDS:
            age = told  # what was told as the time of this very poll says nothing
        elif last:
            age = (last + found) / 2
        else:  # it had ended at the first poll, so that one came late: the next ones come earlier
            age = max(found / 2, 0.9 * min(found, self.early_quantile() or 0.0))
        self._ages.append(age)
        insort(self._sorted, age)
        if len(self._ages) > AGES:
            del self._sorted[bisect_left(self._sorted, self._ages.popleft())]
