"""
Keep the videos of a finished task: download, sidecar and file, together wholly there or not at all.

The videos of one task are stored last to first: where ``clip.mp4`` is, ``clip-2.mp4`` is too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import (
    LemonDataError,
    MissingVideoError,
    OutputError,
    OutputTakenError,
    OutputUnwritableError,
)
from lemondata_provider.api.task import Task
from lemondata_provider.api.video_body import PAID, Downloaded
from lemondata_provider.results.outputs import Kept, Output, describe, find_usable
from lemondata_provider.results.paths import numbered
from lemondata_provider.results.poster import find_poster, remove_poster, store_poster
from lemondata_provider.results.sidecar import (
    Found,
    Occupant,
    Origin,
    Sidecar,
    describes,
    inspect_path,
    read_sidecar,
    sidecar_target,
)
from lemondata_provider.results.target import OutputSink, Target

log = logging.getLogger(__name__)

PAID_AND_REFUSED = "The video of this task is paid for: VideoToObjectStorageOperator stores it elsewhere at no cost."
_SUFFIXES = {"mp4": ".mp4", "mov": ".mov", "webm": ".webm", "matroska": ".mkv"}


@dataclass(frozen=True)
class ResultKeeper:
    """
    Keep videos at one path.

    :param target: where the first video goes; more go beside it.
    :param if_exists: ``overwrite`` never reads the path; for the others see
        :func:`lemondata_provider.results.outputs.find_usable`.
    :param max_bytes: refuse a larger video.
    :param new_downloader: makes the HTTP client for the links.
    :param store_poster: stores the poster of a stored video, and returns its path.
    """

    target: Target
    if_exists: str = "skip"
    max_bytes: int | None = None
    new_downloader: Callable[[], Downloader] = Downloader
    store_poster: Callable[[Target], str | None] = store_poster

    def find(self, origin: Origin) -> Kept | None:
        """
        Return the videos that are there already, or ``None`` if they have to be made: ask before paying.

        :param origin: what would be made.
        :raises OutputTakenError: the path holds something else.
        :raises OutputUnwritableError: the path cannot be read.
        """
        if self.if_exists == "overwrite":
            return None
        found = find_usable(self.target, origin, self.if_exists)
        if found is None:
            return None
        videos = found.sidecar.videos if found.sidecar else 1
        others = [self.numbered(number) for number in range(2, videos + 1)]
        more = [describe(other, there) for other in others if (there := inspect_path(other, origin)).size is not None]
        files = (describe(self.target, found), *more)
        return Kept(files, True, self.target.path, find_poster(self.target), found.sidecar)

    def keep(self, task: Task, origin: Origin, renew: Callable[[], Task] | None = None) -> Kept:
        """
        Download the videos of a task and store them; use what is there already.

        :param task: a task with at least one video.
        :param origin: where the videos come from.
        :param renew: polls the task again, for new links.
        :raises MissingVideoError: the task has no video.
        :raises DownloadError: a retry downloads again at no cost.
        :raises VideoTooLargeError: a video is larger than allowed.
        :raises OutputError: the path holds something else, or cannot be written.
        """
        if not task.videos:
            raise MissingVideoError("The task has no video.", task_id=task.id, poll_url=task.poll_url)
        outputs: list[tuple[Output, bool]] = []
        try:
            if existing := self.find(origin):
                return existing
            with self.new_downloader() as downloader:
                for number in range(len(task.videos), 0, -1):
                    keeping = _Keeping(self, downloader, origin, number, len(task.videos), renew)
                    outputs.insert(0, keeping.keep(task.videos[number - 1].url))
        except LemonDataError as error:
            self._explain(error, origin)
        skipped = outputs[0][1]
        poster_path = find_poster(self.target) if skipped else self.store_poster(self.target)
        if self.if_exists == "overwrite" and poster_path is None:
            remove_poster(self.target)
        return Kept(tuple(output for output, _ in outputs), skipped, self.target.path, poster_path)

    def numbered(self, number: int) -> Target:
        """Return where the video of this number goes."""
        return self.target if number == 1 else self.target.sibling(numbered(self.target.name, number))

    @staticmethod
    def _explain(error: LemonDataError, origin: Origin) -> NoReturn:
        """Raise the error with the task, and what it means for the money."""
        message = error.message
        if isinstance(error, OutputTakenError):
            message += f" {PAID_AND_REFUSED}"
        elif isinstance(error, OutputError):
            message += f" {PAID}"
        raise error.replace(message=message, task_id=origin.task_id, poll_url=origin.poll_url) from error.__cause__


@dataclass(frozen=True)
class _Keeping:
    """The storing of one video."""

    keeper: ResultKeeper
    downloader: Downloader
    origin: Origin
    number: int
    videos: int
    renew: Callable[[], Task] | None

    @property
    def target(self) -> Target:
        return self.keeper.numbered(self.number)

    def keep(self, url: str) -> tuple[Output, bool]:
        """Return the stored video, and whether it was there already."""
        if self.keeper.if_exists == "overwrite":
            return self._write(url, exclusive=False), False
        if self.number > 1 and (existing := self._existing()):  # the first was checked before
            return existing, True
        try:
            return self._write(url, exclusive=True), False
        except OutputTakenError:  # another writer was faster, perhaps another try of this task
            if existing := self._existing():
                return existing, True
            raise

    def _existing(self) -> Output | None:
        found = find_usable(self.target, self.origin, self.keeper.if_exists)
        return None if found is None else describe(self.target, found)

    def _write(self, url: str, exclusive: bool) -> Output:
        sink = self.target.sink(exclusive)
        try:
            downloaded = self.downloader.download(url, sink, self._new_link, self.keeper.max_bytes)
            sidecar = Sidecar.of(self.origin, downloaded, self.number, self.videos)
            self._commit(sink, sidecar)
        except BaseException:  # a timeout of Airflow's is no Exception
            sink.abandon()
            raise
        self._warn_of_name(downloaded)
        return describe(self.target, Found(Occupant.SAME_TASK, downloaded.size, sidecar))

    def _commit(self, sink: OutputSink, sidecar: Sidecar) -> None:
        """Write the sidecar, then publish the file; the sidecar of a faster writer comes back."""
        beside = sidecar_target(self.target)
        try:
            same_size, previous = self.target.size() == sidecar.size, beside.read()
        except OutputUnwritableError as error:  # a connection may write and not read
            log.info("The old file cannot be read: %s", error)
            same_size, previous = False, None
        # A sidecar counts with a file of its size: the old file must not pass for the new one, if this process dies.
        written = sidecar.model_copy(update={"size": 0}) if same_size else sidecar
        beside.write(written.to_bytes())
        try:
            sink.commit()
        except OutputTakenError:
            self._restore(beside, previous, written)
            raise
        if same_size:
            beside.write(sidecar.to_bytes())

    def _restore(self, beside: Target, previous: bytes | None, sidecar: Sidecar) -> None:
        try:
            if read_sidecar(beside.read()) != sidecar or describes(sidecar, self.target):
                return  # the faster writer's came after ours, or it stored the same bytes
            if previous is None:
                beside.remove()
            else:
                beside.write(previous)
        except OutputUnwritableError as error:
            log.warning("The sidecar of the other file may be lost: %s", error)

    def _new_link(self) -> str | None:
        task = self.renew() if self.renew else None
        return task.videos[self.number - 1].url if task and len(task.videos) == self.videos else None

    def _warn_of_name(self, downloaded: Downloaded) -> None:
        container = downloaded.facts.container
        if not self.target.name.lower().endswith(_SUFFIXES[container]):
            log.warning("%s is a %s file, whatever its name says", self.target.uri, container)
