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

FIRST_POLL_QUANTILE = 0.05  # the share of tasks that may have ended at the first poll
MAX_SAMPLES = 200  # how many ends the first poll is learned from: a model may become faster or slower
MIN_SAMPLES = 20  # with fewer, the earliest is luck
# What a burst does not spend on polls in vain is there when its first tasks end.
DEFAULT_FIRST_POLL = (
    12.0  # seconds, the age at the first poll while nothing is known of a model: few videos are made sooner
)
DEFAULT_FIRST_POLL_ROUNDS = 30.0  # but not higher than these: a few tasks leave enough for polls in vain
MAX_PREDICTIONS = 20  # how many predicted ends decide whether progress is believed
MIN_CORRECT = 3  # that were right, before it is believed
MIN_HORIZON = (
    0.1  # an end counts as predicted if it was so for this part of the task's age: close to it any progress is right
)
MAX_GAP = (
    0.1  # and if it was still unfinished this part of its age before: else nobody knows that it did not end sooner
)
ROUND_TOLERANCE = 0.05  # the part of a turn that an end may be uncertain by: to poll again costs others a turn's wait
CHECK_EVERY = 8  # one task in so many is polled before its predicted end: else nobody learns that it ended before that
SLEEP_SHARE = 0.95  # how much of the way to the earliest predicted end a wait sleeps
TOLERANCE = 0.03  # a predicted end may be wrong by this part of the task's age, and by TOLERANCE_SECONDS
TOLERANCE_SECONDS = 1.0  # what the service tells is rounded to seconds
MAX_DELAY = 120.0  # whatever is predicted: a clock may have been set
MIN_DELAY = 1.0  # before a poll that progress calls for


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
        self._samples: deque[float] = deque()  # at the end, in the order in which they were seen
        self._sorted: list[float] = []
        self._correct: deque[bool] = deque(maxlen=MAX_PREDICTIONS)
        self._checks = 0  # predicted ends that are not near: how many
        self._step = 0  # what all progress that was seen is a multiple of: coarse progress moves in steps

    def early_quantile(self) -> float | None:
        """Return the age in seconds before which hardly any task ends; nothing while too few were seen to end."""
        if len(self._sorted) < MIN_SAMPLES:
            return None
        return self._sorted[int(len(self._sorted) * FIRST_POLL_QUANTILE)]

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
            early = min(DEFAULT_FIRST_POLL_ROUNDS * round_seconds, DEFAULT_FIRST_POLL)
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
        if timeline.earliest is None or timeline.latest is None or not self._may_predict:
            return pause, False
        earliest, latest = timeline.earliest - now, timeline.latest - now
        near = earliest <= max(pause, round_seconds * ROUND_TOLERANCE)
        exact = latest - earliest <= max(MIN_DELAY, round_seconds * ROUND_TOLERANCE)
        longest = max(pause, MAX_DELAY)
        if exact and latest <= longest:
            self._checks += not near
            if near or (self.trusts_progress and self._checks % CHECK_EVERY):
                return max(latest, min(MIN_DELAY, pause)), True
        # Not the whole way: who sleeps until after the end does not learn that it was predicted too late.
        aim = min(max(pause, earliest * SLEEP_SHARE), longest)
        predicted = exact and aim < longest
        return (aim, predicted) if self.trusts_progress or (predicted and aim < round_seconds) else (pause, False)

    def ended(self, timeline: TaskTimeline, now: float, reported_age: float | None = None) -> None:
        """
        Learn from a task that was just seen to have ended, at some time since it was last seen unfinished.

        :param timeline: the task.
        :param now: Unix seconds.
        :param reported_age: its age at the end in seconds, if the service told it.
        """
        if timeline.created is None or now <= timeline.created:
            return  # a clock was set back: that tells nothing of the model
        self._add_sample(timeline, now - timeline.created, reported_age)
        if timeline.earliest is None or timeline.unfinished is None or timeline.latest is None:
            return
        age = now - timeline.created
        if now < timeline.earliest - TOLERANCE_SECONDS:
            self._correct.append(False)
        elif (
            timeline.unfinished >= timeline.earliest - MAX_GAP * age
            and now - (timeline.predicted or now) >= MIN_HORIZON * age
        ):
            self._correct.append(True)

    @property
    def trusts_progress(self) -> bool:
        """Say whether progress predicted the ends of earlier tasks."""
        right = sum(self._correct)
        return right >= MIN_CORRECT and (len(self._correct) - right) * 4 <= right

    @property
    def _may_predict(self) -> bool:
        """Say whether progress may call for an early poll: until it was wrong twice, or where it is believed."""
        return self.trusts_progress or self._correct.count(False) < 2

    def _predict(self, timeline: TaskTimeline, progress: float | None, now: float) -> None:
        """Narrow down when the task ends if it goes on as it did so far; what contradicts itself predicts nothing."""
        if timeline.misled or not progress or timeline.created is None or now <= timeline.created:
            return
        self._step = math.gcd(self._step, max(1, int(progress)))
        age = now - timeline.created
        earliest = max(timeline.created + age * 100 / min(progress + self._step, 100.0), timeline.earliest or now, now)
        latest = min(timeline.created + age * 100 / progress, timeline.latest or math.inf)
        slack = TOLERANCE * age + TOLERANCE_SECONDS
        if earliest <= latest + slack:
            timeline.earliest, timeline.latest = earliest, latest
            timeline.predicted = timeline.predicted or now
        else:
            timeline.misled = True
            timeline.earliest = timeline.latest = None
            self._correct.append(False)

    def _add_sample(self, timeline: TaskTimeline, found: float, told: float | None) -> None:
        """Learn at which age a task ended: between the last poll and the one that found its end."""
        last = timeline.unfinished - (timeline.created or 0.0) if timeline.unfinished is not None else 0.0
        if told is not None and last - TOLERANCE_SECONDS <= told <= found - TOLERANCE_SECONDS:
            age = told  # what was told as the time of this very poll says nothing
        elif last:
            age = (last + found) / 2
        else:  # it had ended at the first poll, so that one came late: the next ones come earlier
            age = max(found / 2, 0.9 * min(found, self.early_quantile() or 0.0))
        self._samples.append(age)
        insort(self._sorted, age)
        if len(self._samples) > MAX_SAMPLES:
            del self._sorted[bisect_left(self._sorted, self._samples.popleft())]
