"""The crash matrix as data: where a task process is killed, how it waits, and what must come of it."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

BEFORE_INTENT = "before the intent"
AFTER_INTENT = "after the intent"
BEFORE_STORE = "between POST and store"
AFTER_STORE = "after the store"
DEFERRED = "while deferred"
RESUMING = "while resuming"
WAITING = "while waiting"
DOWNLOADING = "in the download"
BEFORE_COMMIT = "before the file is published"
AFTER_COMMIT = "after the file is published"
STORING = (DOWNLOADING, BEFORE_COMMIT, AFTER_COMMIT)

DAG_IDS = ("crash_matrix_first", "crash_matrix")
ITEMS = 2  # of a mapped task, each a piece of work of its own
QUICK = "lemondata_quick"  # a connection
RETRIES = 2


class Way(NamedTuple):
    """Who waits, and where."""

    name: str
    sensor: bool
    deferrable: bool


OPERATOR_DEFERS = Way("operator, deferred", sensor=False, deferrable=True)
OPERATOR_WAITS = Way("operator, in the worker", sensor=False, deferrable=False)
SENSOR_DEFERS = Way("sensor, deferred", sensor=True, deferrable=True)
SENSOR_POKES = Way("sensor, poking", sensor=True, deferrable=False)
OPERATOR = (OPERATOR_DEFERS, OPERATOR_WAITS)


class Outcome(NamedTuple):
    """What each piece of work must come to; the tries count those that Airflow itself does not lose."""

    creates: int
    end: str
    tries: int


ONCE = Outcome(1, "success", 2)
TWICE = Outcome(2, "success", 2)
UNDISTURBED = Outcome(1, "success", 1)

# The point, who gets there, and what comes of it with durable=True and with durable=False (a sensor submits nothing).
POINTS: tuple[tuple[str, tuple[Way, ...], Outcome, Outcome | None], ...] = (
    (BEFORE_INTENT, OPERATOR, ONCE, ONCE),
    (AFTER_INTENT, OPERATOR, Outcome(0, "unknown", 2), ONCE),
    (BEFORE_STORE, OPERATOR, Outcome(1, "unknown", 2), TWICE),
    (AFTER_STORE, OPERATOR, ONCE, TWICE),
    (DEFERRED, (OPERATOR_DEFERS,), UNDISTURBED, UNDISTURBED),
    (RESUMING, (OPERATOR_DEFERS,), ONCE, TWICE),
    (WAITING, (OPERATOR_WAITS,), ONCE, TWICE),
    (DOWNLOADING, OPERATOR, ONCE, TWICE),
    (BEFORE_COMMIT, OPERATOR, ONCE, TWICE),
    (AFTER_COMMIT, OPERATOR, ONCE, ONCE),
    (DEFERRED, (SENSOR_DEFERS,), UNDISTURBED, None),
    (RESUMING, (SENSOR_DEFERS,), ONCE, None),
    (WAITING, (SENSOR_POKES,), ONCE, None),
)


class Cell(NamedTuple):
    """One task, plain or mapped, that is killed at one point."""

    point: str
    way: Way
    mapped: bool
    durable: bool
    outcome: Outcome

    @property
    def task_id(self) -> str:
        """Return the id of the task that is killed."""
        words = (self.point, self.way.name, "mapped" if self.mapped else "plain", "" if self.durable else "not durable")
        return "--".join(word.replace(",", "").replace(" ", "-") for word in words if word)

    @property
    def map_indexes(self) -> tuple[int, ...]:
        """Return the map indexes of the pieces of work."""
        return tuple(range(ITEMS)) if self.mapped else (-1,)

    def prompt(self, map_index: int) -> str:
        """Return what tells one piece of work from all others in the ledger."""
        return f"{self.task_id} {map_index}"

    @property
    def dag_id(self) -> str:
        """Return the DAG: all in the first one must be deferred at one time, before others take their slots."""
        return DAG_IDS[0 if self.point == DEFERRED or self.way == SENSOR_DEFERS else 1]

    @property
    def lemondata_conn_id(self) -> str:
        """Return the connection: tasks that wait in a worker use the one whose videos are ready quickly."""
        return "lemondata_default" if self.way.deferrable else QUICK


CELLS = tuple(
    Cell(point, way, mapped, durable, outcome)
    for point, ways, if_durable, otherwise in POINTS
    for way, mapped, (durable, outcome) in product(
        ways, (False,) if point in STORING else (False, True), ((True, if_durable), (False, otherwise))
    )
    if outcome
)
