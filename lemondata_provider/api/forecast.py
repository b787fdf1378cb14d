"""
Predict when tasks of one model end, from earlier tasks of that model; pure.

Progress is trusted while it predicts the ends of earlier tasks; false, stuck or coarse progress does no harm.
Source: https://docs.lemondata.cc (get-task-status).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

FIRST_POLL_QUANTILE = 0.05  # of the ages at the end; higher: fewer polls, but more tasks end before the first one
MAX_SAMPLES = 200  # ends per model; more: a better quantile, but slower to follow a model that changes speed
MIN_SAMPLES = 20  # ends before the quantile counts; fewer: sooner in use, but set by luck
# Polls that a burst saves early are available when its first tasks end.
DEFAULT_FIRST_POLL = 12.0  # seconds of age, without a quantile; higher: fewer polls, but short videos come late
DEFAULT_FIRST_POLL_ROUNDS = 30.0  # at most so many rounds instead: few tasks can afford early polls
MAX_PREDICTIONS = 20  # judged ends that trust depends on; more: steadier trust, but slower to lose
MIN_CORRECT = 3  # correct predictions before progress is trusted; fewer: sooner, but coincidence counts
MIN_HORIZON = 0.1  # part of the age; a prediction closer to the end is right with any progress, and proves nothing
MAX_GAP = 0.1  # part of the age; after a longer gap before the end, the true end is too uncertain to judge
ROUND_TOLERANCE = 0.05  # part of a round that an end may be uncertain by; lower: one more poll, which delays others
CHECK_EVERY = 8  # every eighth task is polled before its predicted end; fewer checks: late predictions go unnoticed
SLEEP_SHARE = 0.95  # of the time to the earliest end; higher: fewer polls, but no proof that the prediction is late
TOLERANCE = 0.03  # part of the age that two predictions of one task may differ by, plus:
TOLERANCE_SECONDS = 1.0  # the service rounds its times to seconds
MAX_FIRST_POLL = 120.0  # seconds; later: fewer polls of slow models, but a wrong number would hide a finished video
MAX_LATENESS = 60.0  # seconds after its plan; a first poll that came later has not seen the end
MAX_DELAY = 120.0  # seconds of sleep after any prediction: a clock may be wrong
MIN_DELAY = 1.0  # seconds before a poll that a prediction asks for


@dataclass(slots=True)
class TaskTimeline:
    """
    One task's way to its end, in Unix seconds.

    :param created: creation of the task.
    :param unfinished: last poll that found the task unfinished.
    :param earliest: earliest end, if the progress is right.
    :param latest: latest end, if the progress is right.
    :param predicted: first poll whose progress predicted an end.
    :param misled: the progress contradicted itself and is ignored from then on.
    :param latest_first_poll: instant until which the first poll is in time, if it was planned before the end.
    """

    created: float | None = None
    unfinished: float | None = None
    earliest: float | None = None
    latest: float | None = None
    predicted: float | None = None
    misled: bool = False
    latest_first_poll: float | None = None


class Forecast:
    """
    Learn from the ends of one model's tasks when to poll the next ones; a few kilobytes at most.

    :param learns: ``False`` for tasks of unknown models: what they have in common predicts nothing.
    """

    def __init__(self, learns: bool = True) -> None:
        self._learns = learns
        self._samples: deque[float] = deque(maxlen=MAX_SAMPLES)  # ages at the end
        self._correct: deque[bool] = deque(maxlen=MAX_PREDICTIONS)
        self._checks = 0  # predicted ends that were not near, so that every eighth is checked
        self._step = 0  # greatest common divisor of all progress: coarse progress moves in steps

    def early_quantile(self) -> float | None:
        """Return the age in seconds before which hardly any task ends, or None with too few samples."""
        if len(self._samples) < MIN_SAMPLES:
            return None
        return sorted(self._samples)[int(len(self._samples) * FIRST_POLL_QUANTILE)]

    def first_poll(self, timeline: TaskTimeline, now: float, pause: float, round_seconds: float = 0.0) -> float:
        """
        Return the seconds until the first poll.

        :param timeline: the task.
        :param now: Unix seconds.
        :param pause: minimum, in seconds.
        :param round_seconds: seconds for one poll of every task.
        """
        early = self.early_quantile()
        if early is None or timeline.created is None:
            early = min(DEFAULT_FIRST_POLL_ROUNDS * round_seconds, DEFAULT_FIRST_POLL)
        early = min(early, MAX_FIRST_POLL)
        age = 0.0 if timeline.created is None else max(now - timeline.created, 0.0)  # a clock may be behind
        if age <= early:
            timeline.latest_first_poll = now + max(pause, early - age) + MAX_LATENESS
        return max(pause, early - age)

    def next_poll(
        self, timeline: TaskTimeline, progress: float | None, now: float, pause: float, round_seconds: float = 0.0
    ) -> tuple[float, bool]:
        """
        Return the seconds until the next poll of an unfinished task, and whether its end is predicted for then.

        :param timeline: the task.
        :param progress: as the service reports it, 0 to 100.
        :param now: Unix seconds.
        :param pause: seconds to wait without a prediction.
        :param round_seconds: seconds for one poll of every task; long rounds need less exact predictions.
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
        delay = min(max(pause, earliest * SLEEP_SHARE), longest)
        predicted = exact and delay < longest
        use_prediction = self.trusts_progress or (predicted and delay < round_seconds)
        return (delay, predicted) if use_prediction else (pause, False)

    def ended(self, timeline: TaskTimeline, now: float, reported_age: float | None = None) -> None:
        """
        Learn from a task that ended since the last poll.

        :param timeline: the task.
        :param now: Unix seconds.
        :param reported_age: age at the end in seconds, as the service reports it.
        """
        if not self._learns or timeline.created is None or now <= timeline.created:
            return  # or a clock was set back
        age = now - timeline.created
        self._add_sample(timeline, age, reported_age, now)
        if timeline.earliest is None or timeline.unfinished is None:
            return
        if now < timeline.earliest - TOLERANCE_SECONDS:
            self._correct.append(False)
        elif (
            timeline.unfinished >= timeline.earliest - MAX_GAP * age
            and now - (timeline.predicted or now) >= MIN_HORIZON * age
        ):
            self._correct.append(True)

    @property
    def trusts_progress(self) -> bool:
        """Return whether four of five predictions were correct, and at least three."""
        correct = sum(self._correct)
        return correct >= MIN_CORRECT and (len(self._correct) - correct) * 4 <= correct

    @property
    def _may_predict(self) -> bool:
        """Return whether progress may call for an early poll: while it is trusted, or wrong once at most."""
        return self.trusts_progress or self._correct.count(False) < 2

    def _predict(self, timeline: TaskTimeline, progress: float | None, now: float) -> None:
        """Narrow down the end, if the task goes on at its speed; progress that contradicts itself predicts nothing."""
        if timeline.misled or not progress or timeline.created is None or now <= timeline.created:
            return
        self._step = math.gcd(self._step, max(1, int(progress)))
        age = now - timeline.created
        earliest = max(timeline.created + age * 100 / min(progress + self._step, 100.0), timeline.earliest or now, now)
        latest = min(timeline.created + age * 100 / progress, timeline.latest or math.inf)
        if earliest <= latest + TOLERANCE * age + TOLERANCE_SECONDS:
            timeline.earliest, timeline.latest = earliest, latest
            timeline.predicted = timeline.predicted or now
        else:
            timeline.misled = True
            timeline.earliest = timeline.latest = None
            if self._learns:
                self._correct.append(False)

    def _add_sample(self, timeline: TaskTimeline, age: float, reported_age: float | None, now: float) -> None:
        """Store the age at the end: between the last unfinished poll and the poll that found the end."""
        last = timeline.unfinished - (timeline.created or 0.0) if timeline.unfinished is not None else 0.0
        if not last and (timeline.latest_first_poll is None or now > timeline.latest_first_poll):
            return  # no poll came in time: the end was not observed
        if reported_age is not None and last - TOLERANCE_SECONDS <= reported_age <= age - TOLERANCE_SECONDS:
            sample = reported_age  # later ones are the time of the poll, and say nothing
        elif last:
            sample = (last + age) / 2
        else:  # the first poll was too late: poll the next tasks earlier
            sample = max(age / 2, 0.9 * min(age, self.early_quantile() or 0.0))
        self._samples.append(sample)
