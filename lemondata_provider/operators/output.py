"""The file of a submit's video: checked before anything is paid, and stored once the video is there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lemondata_provider.api import calls
from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import OutputError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.api.task import Task, TaskStatus, canonical_poll_url
from lemondata_provider.hooks.version_compat import mapped_source
from lemondata_provider.operators.record import Record
from lemondata_provider.results.asset_events import check_partition_key
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.outputs import Kept
from lemondata_provider.results.paths import file_path, target_for
from lemondata_provider.results.sidecar import Origin, Sidecar
from lemondata_provider.results.target import Target

if TYPE_CHECKING:
    from airflow.sdk import Context

    from lemondata_provider.hooks.lemondata import LemonDataHook

log = logging.getLogger(__name__)

COMPARED = ("operation", "duration", "resolution", "aspect_ratio", "output_audio")
NO_FILE: dict[str, Any] = {
    "output_path": None,
    "output_uri": None,
    "outputs": [],
    "poster_path": None,
    "skipped": False,
}
ONE_FOR_ALL = (
    "All mapped task instances may share the output_path %r: one of them gets it, and the others fail after they paid. "
    "Name {{ ti.map_index }} in it, or a folder that ends in '/'."
)


class OutputFound(Exception):  # noqa: N818 # it leads to a success
    """The file of the video is there already: nothing is submitted."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept)
        self.kept = kept


@dataclass(frozen=True)
class OutputFile:
    """
    Where the video of one task instance goes. It crosses a deferral as JSON.

    :param path: of the file, rendered.
    :param if_exists: what happens to a file that is there, see :mod:`lemondata_provider.results.outputs`.
    :param max_bytes: refuse a larger video.
    :param fingerprint: a digest of each field of the request.
    :param asked: the fields of the request that the file can be compared with.
    :param new_target: returns the target of a path.
    :param new_downloader: makes the HTTP client for the links.
    """

    path: str
    if_exists: str = "skip"
    max_bytes: int | None = None
    fingerprint: Mapping[str, str] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    new_target: Callable[[str], Target] = field(default=target_for, repr=False)
    new_downloader: Callable[[], Downloader] = field(default=Downloader, repr=False)

    @classmethod
    def of(cls, operator: Any, context: Context) -> OutputFile | None:
        """Return the file that a rendered operator names, if it names one."""
        if operator.output_path is None:
            return None
        map_index = getattr(context["ti"], "map_index", -1)
        if map_index >= 0 and _may_be_one_for_all(operator):
            log.warning(ONE_FOR_ALL, operator.output_template)
        path = file_path(operator.output_path, operator.task_id, map_index)
        operator.new_target(path)  # refuse now what is no path of a file
        check_partition_key(operator.asset_partition, path)
        makers = {"new_target": operator.new_target, "new_downloader": operator.new_downloader}
        return cls(path, operator.if_exists, operator.max_bytes, **makers)

    def of_request(self, request: VideoRequest) -> OutputFile:
        """Return the file for the video of a request."""
        return replace(self, asked={name: value for name, value in request.fields().items() if name in COMPARED})

    def of_record(self, record: Record) -> OutputFile:
        """Return the file for the video of a record."""
        if_exists = "overwrite" if record.regenerated else self.if_exists
        return replace(self, if_exists=if_exists, fingerprint=record.fingerprint)

    def to_json(self) -> dict[str, Any]:
        """Return what rebuilds this file after a deferral."""
        return {name: getattr(self, name) for name in ("path", "if_exists", "max_bytes", "fingerprint", "asked")}

    @classmethod
    def from_json(cls, operator: Any, stored: Mapping[str, Any]) -> OutputFile:
        """Rebuild the file in the process that resumes."""
        return cls(**stored, new_target=operator.new_target, new_downloader=operator.new_downloader)

    def raise_if_there(self, record: Record) -> None:
        """
        Check for the file before a task is polled or submitted.

        :param record: of a task, whose own file counts only; without a task, of what is about to be submitted.
        :raises OutputFound: it is there.
        :raises OutputError: it could not be stored, or the path holds something else; nothing was submitted.
        """
        file, origin = self.of_record(record), Origin(task_id=record.task_id, fingerprint=record.fingerprint)
        kept = None
        if record.task_id:
            with suppress(OutputError):  # the task is paid for, whatever the path holds
                kept = replace(file, if_exists="fail")._keeper.find(origin)
        else:
            kept = file._find_before_paying(origin)
        if kept:
            raise OutputFound(kept)

    def store(self, result: Mapping[str, Any], hook: LemonDataHook) -> dict[str, Any]:
        """
        Download the videos of a finished task, and return its result with the files.

        :param result: of the task, with at least one video.
        :param hook: the connection, which asks for new links.
        :raises LemonDataError: see :meth:`ResultKeeper.keep`.
        """
        task_id, poll_url = result["task_id"], result["poll_url"]

        def renew() -> Task:
            with hook.get_conn() as client:
                return client.send(calls.get_task(poll_url, task_id))

        task = Task.read(result, task_id, poll_url)
        kept = self._keeper.keep(task, Origin.of(task, SubmitFacts.from_result(result), self.fingerprint), renew)
        if kept.skipped:
            log.warning(
                "%s was stored by another task or try in the meantime, and stays. Task %s is paid for all the same: "
                "tasks that run at the same time need paths of their own",
                kept.outputs[0].uri,
                task_id,
            )
        return {**result, **kept.result(), "skipped": False}

    @property
    def _keeper(self) -> ResultKeeper:
        return ResultKeeper(self.new_target(self.path), self.if_exists, self.max_bytes, self.new_downloader)

    def _find_before_paying(self, origin: Origin) -> Kept | None:
        keeper = self._keeper
        try:
            keeper.target.preflight()
            return keeper.find(origin)
        except OutputError as error:
            raise error.replace(message=f"{error.message} Nothing was submitted.") from error.__cause__


def result_of_found(kept: Kept) -> dict[str, Any]:
    """Return the result of a submit whose file was there already, as far as its sidecar tells."""
    sidecar = kept.sidecar or Sidecar(sha256="", size=0)
    facts = SubmitFacts(sidecar.model, sidecar.operation, sidecar.estimated_cost_usd)
    poll_url = sidecar.task_id and canonical_poll_url(sidecar.task_id)
    task = Task.read({"created": sidecar.created}, sidecar.task_id or "", poll_url or "")
    known = {"task_id": sidecar.task_id, "poll_url": poll_url, "status": TaskStatus.COMPLETED.value}
    return {**facts.complete(task.result()), **known, **kept.result()}


def _may_be_one_for_all(operator: Any) -> bool:
    """Say whether mapped task instances may render one path: that is known of a text in the DAG file only."""
    template = operator.output_template
    if not isinstance(template, str) or template.endswith("/") or "map_index" in template:
        return False
    source = mapped_source(operator)
    return source is None or "output_path" in source[0]
