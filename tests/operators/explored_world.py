"""The world that an explored process finds: choices, rules, the store, and the tasks at LemonData."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

CREATES = ("answered", "lost", "refused", "refused for longer", "refused for a moment", "never reached")
REPEATED = CREATES[4:]  # by the client
FEW_CREATES = CREATES[:3]  # where much else may happen; a retry follows none of these
NO_MODEL = ("no such model", "lost, with the code of no such model")
TROUBLES = ("none", "one poll is lost", "the key is refused")
DOWNLOADS = ("arrives", "breaks off")
LIVES = ("completed", "failed", "forgotten", "endless")
# Between submit and first poll the operator really sleeps.
TIMES: dict[str, Any] = {"poll_interval": 1e-6, "timeout": 600.0}
POLL_SECONDS = 350.0  # on the clock of a process, so that two polls lead to the deadline
MAX_POLLS = 5  # until the deadline, a lost one, and those for a doubt


class Violated(BaseException):
    """What must never happen has happened; no handler of the provider may hide that."""


@dataclass
class Chooser:
    """Walks all combinations of choices, one path after the other."""

    path: list[list[int]] = field(default_factory=list)
    position: int = 0

    def choose(self, options: tuple[str, ...]) -> str:
        if self.position == len(self.path):
            self.path.append([0, len(options)])
        self.position += 1
        return options[self.path[self.position - 1][0]]

    @property
    def chosen(self) -> tuple[int, ...]:
        return tuple(choice for choice, _ in self.path[: self.position])

    def next_path(self) -> bool:
        while self.path and self.path[-1][0] + 1 == self.path[-1][1]:
            self.path.pop()
        if not self.path:
            return False
        self.path[-1][0] += 1
        self.position = 0
        return True


@dataclass
class RandomChooser:
    """Chooses at random; of two, the first is what goes well, and mostly comes."""

    random: Random

    def choose(self, options: tuple[str, ...]) -> str:
        goes_well = len(options) == 2 and self.random.random() < 0.8
        return options[0] if goes_well else self.random.choice(options)

    @property
    def chosen(self) -> None:
        """Return what led here: there is one way only."""


@dataclass(frozen=True)
class Paid:
    """A task that LemonData accepted and charged."""

    id: str
    request: str = "A"
    state: str = "pending"
    cleared: bool = False  # a user cleared the Airflow task since

    @property
    def is_cleared_and_gone(self) -> bool:
        return self.cleared and self.state in ("failed", "forgotten")


MayPayAgain = Callable[[Paid, bool], bool]


@dataclass(frozen=True)
class Rules:
    """
    What may happen to a process.

    :param may_pay_again: whether the user allows another create after this task, which the store names or not.
    :param troubles: what may go wrong with its polls.
    :param creates: what a create may come to.
    :param lies: whether a read of the store may say "nothing" once.
    :param fails_pushes: whether an XCom may not be stored.
    :param replaces_files: whether the user allows to replace the file of a task by that of another one.
    :param downloads: what a download may come to.
    :param is_replaced: whether Airflow may begin another try while this process goes on: then its API server refuses
        what the process stores, and knows nothing that it asks for.
    """

    may_pay_again: MayPayAgain = lambda task, named: task.is_cleared_and_gone
    troubles: tuple[str, ...] = TROUBLES[:1]
    creates: tuple[str, ...] = CREATES
    lies: bool = False
    fails_pushes: bool = False
    replaces_files: bool = False
    downloads: tuple[str, ...] = DOWNLOADS
    is_replaced: bool = False


class Gone(BaseException):
    """Airflow has ended the process of a replaced try."""


class StoreError(Exception):
    """Airflow's API server refused to store something."""


@dataclass(frozen=True)
class AirflowNumbers:
    """How Airflow counts tries and clears."""

    max_tries: int
    clear_number: int
    try_number: int


@dataclass(frozen=True)
class World:
    """
    What outlives every process.

    :param store: Airflow's task state store as JSON, if there is one.
    :param tasks: those at LemonData.
    :param files: by name, as JSON; the video of a task is its id.
    """

    store: str | None = "{}"
    tasks: tuple[Paid, ...] = ()
    files: str = "{}"

    def names(self, task: Paid) -> bool:
        return f'"{task.id}"' in (self.store or "")

    @property
    def cleared(self) -> World:
        return replace(self, tasks=tuple(replace(task, cleared=True) for task in self.tasks))
