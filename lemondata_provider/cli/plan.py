"""What a backfill would submit, cost and take, from what is known of a DAG before it runs: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lemondata_provider.api.prices import Estimate, Seconds, plain
from lemondata_provider.operators.guards import over_budget

AT_RUN_TIME = "known at run time only"


@dataclass(frozen=True)
class Clip:
    """
    One video that a task submits in a run.

    :param model: none where it is known at run time only.
    :param seconds: its length, or why it is unknown.
    :param refusal: why the operator would refuse it; empty if it would submit it.
    :param hint: what is probably a mistake; empty if nothing is.
    :param max_cost_usd: what it may cost; none without a limit.
    """

    model: str | None
    seconds: Seconds
    refusal: str = ""
    hint: str = ""
    max_cost_usd: Decimal | None = None

    def refused_at(self, estimate: Estimate) -> str:
        """Return why the operator would refuse the clip at its price; empty if it would submit it."""
        if self.refusal or estimate.usd is None or self.model is None:
            return self.refusal
        problem = over_budget(self.model, estimate, self.max_cost_usd, "allow") or ""
        return problem.replace(" Nothing was submitted.", "")


@dataclass(frozen=True)
class Submits:
    """
    What one task submits in each run by one connection; a mapped task may have several of these.

    :param task_id: its id in the DAG.
    :param conn_id: its connection; none where it is known at run time only.
    :param clips: the videos of a run; where their number is unknown, the one that stands for them.
    :param number_unknown: why the number of videos is unknown; empty where it is known.
    :param poll_interval: seconds between two polls, where the task waits for the video itself.
    """

    task_id: str
    conn_id: str | None
    clips: tuple[Clip, ...]
    number_unknown: str = ""
    poll_interval: float | None = None


@dataclass(frozen=True)
class Row:
    """
    What one task would submit in the whole backfill.

    :param videos: how many; none where that is unknown.
    :param usd: what they cost together; none where that is unknown.
    :param note: how the cost comes about, and why something is unknown.
    """

    task_id: str
    model: str
    videos: int | None
    usd: Decimal | None
    note: str


@dataclass(frozen=True)
class Pace:
    """
    What the rate limit of one connection makes of it.

    :param requests: how many there are at least: each submit, and a poll where the task waits.
    :param seconds: how long these take.
    :param polls_a_minute: how many polls each minute of generating adds, if all wait at once.
    """

    conn_id: str
    requests_per_minute: float
    requests: int
    seconds: float
    polls_a_minute: float


@dataclass(frozen=True)
class Plan:
    """
    What a backfill would do.

    :param runs: how many runs it would create.
    :param existing: how many exist already, and are left out.
    :param rows: one for each task that submits.
    :param paces: one for each connection whose rate limit is known.
    """

    dag_id: str
    runs: int
    existing: int
    rows: tuple[Row, ...]
    paces: tuple[Pace, ...]

    @property
    def videos(self) -> int:
        """Return how many videos are known of."""
        return sum(row.videos or 0 for row in self.rows)

    @property
    def usd(self) -> Decimal:
        """Return what is known of the cost."""
        return sum((row.usd or Decimal(0) for row in self.rows), Decimal(0))

    @property
    def unknown_videos(self) -> list[str]:
        """Return the tasks of which it is unknown how many videos they submit."""
        return list(dict.fromkeys(row.task_id for row in self.rows if row.videos is None))

    @property
    def unknown_usd(self) -> list[str]:
        """Return the tasks of which it is unknown what they cost."""
        return list(dict.fromkeys(row.task_id for row in self.rows if row.usd is None))

    @property
    def seconds(self) -> float | None:
        """Return how long it takes at least by the rate limits; nothing where none is known."""
        return max((pace.seconds for pace in self.paces), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; amounts are decimal strings."""
        return {
            "dag_id": self.dag_id,
            "runs": self.runs,
            "existing_runs": self.existing,
            "tasks": [{**vars(row), "usd": None if row.usd is None else plain(row.usd)} for row in self.rows],
            "known_videos": self.videos,
            "known_usd": plain(self.usd),
            "unknown_videos": self.unknown_videos,
            "unknown_usd": self.unknown_usd,
            "rate_limits": [vars(pace) for pace in self.paces],
            "seconds_at_least": self.seconds,
        }


def plan(
    dag_id: str,
    runs: tuple[int, int],
    submits: Iterable[Submits],
    appraise: Callable[[str | None, Clip], Estimate],
    limits: Mapping[str, float],
) -> Plan:
    """
    Say what a backfill would do.

    :param dag_id: the DAG.
    :param runs: how many runs it would create, and how many exist already.
    :param submits: what the tasks of the DAG submit.
    :param appraise: says what a clip costs by a connection.
    :param limits: the requests per minute of each connection.
    """
    rows, submitting = [], []
    for task in submits:
        appraised = [(clip, appraise(task.conn_id, clip)) for clip in task.clips]
        refusals = [problem for clip, estimate in appraised if (problem := clip.refused_at(estimate))]
        accepted = [(clip, estimate) for clip, estimate in appraised if not clip.refused_at(estimate)]
        rows.append(_row(task, runs[0], refusals, [estimate for _, estimate in accepted]))
        submitting.append(replace(task, clips=tuple(clip for clip, _ in accepted)))
    paces = [_pace(conn_id, limits[conn_id], runs[0], submitting) for conn_id in sorted(limits)]
    return Plan(dag_id, runs[0], runs[1], tuple(rows), tuple(paces))


def _row(task: Submits, runs: int, refusals: list[str], estimates: list[Estimate]) -> Row:
    videos = None if task.number_unknown else runs * len(estimates)
    costs = [one.usd for one in estimates if one.usd is not None]
    notes = [
        *(f"refused: {problem}" for problem in refusals),
        *(clip.hint for clip in task.clips),
        *(one.reason for one in estimates),
    ]
    known = videos == 0 or (videos is not None and len(costs) == len(estimates))
    return Row(
        task_id=task.task_id,
        model=", ".join(dict.fromkeys(clip.model or AT_RUN_TIME for clip in task.clips)),
        videos=videos,
        usd=runs * sum(costs, Decimal(0)) if known else None,
        note="; ".join(filter(None, [task.number_unknown, *dict.fromkeys(notes)])),
    )


def _pace(conn_id: str, limit: float, runs: int, tasks: list[Submits]) -> Pace:
    ours = [task for task in tasks if task.conn_id == conn_id and not task.number_unknown]
    waiting = [(runs * len(task.clips), task.poll_interval) for task in ours if task.poll_interval]
    requests = sum(runs * len(task.clips) for task in ours) + sum(videos for videos, _ in waiting)
    polls = sum(videos * 60 / interval for videos, interval in waiting if interval)
    return Pace(conn_id, limit, requests, round(requests * 60 / limit, 3), round(polls, 3))
