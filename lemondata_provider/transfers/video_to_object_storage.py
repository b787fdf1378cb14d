"""The operator that stores a finished video. Source: https://docs.lemondata.cc (get-video-status)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

from airflow.sdk import BaseOperator, Context

from lemondata_provider.api import calls
from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import InvalidRequestError, LemonDataError
from lemondata_provider.api.polling import failure_of
from lemondata_provider.api.redaction import shield_literal
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.api.task import Task, TaskStatus, Video
from lemondata_provider.hooks.annotations import Text
from lemondata_provider.hooks.arguments import choice, connection_id, count, named_task
from lemondata_provider.hooks.exceptions import to_airflow_error
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.mixin import LemonDataMixin
from lemondata_provider.hooks.retry_policy import with_retry_policy
from lemondata_provider.lineage import LineageMixin
from lemondata_provider.links import EXTRA_LINKS
from lemondata_provider.results.asset_events import check_partition_key, checked_partition, fill_events
from lemondata_provider.results.keep import ResultKeeper
from lemondata_provider.results.outputs import IF_EXISTS, MAX_BYTES, Kept, push_file, report
from lemondata_provider.results.paths import checked_path, file_path, target_for
from lemondata_provider.results.sidecar import Origin
from lemondata_provider.videos.entry import EntryState, VideoEntry
from lemondata_provider.videos.mixin import EntryMixin


class VideoToObjectStorageOperator(EntryMixin, LineageMixin, LemonDataMixin, BaseOperator):
    """
    Store a finished video in a bucket or a folder, wholly or not at all, and return its result with the files.

    With a poll URL it asks LemonData for a fresh link first, so the video may be older than its links. It downloads
    and pays for nothing else: a retry is free. ::

        VideoToObjectStorageOperator(
            task_id="keep",
            poll_url=clip.output,
            path="s3://aws_default@bucket/{{ ds }}/clip.mp4",
        )

    Returns a dict with ``output_path`` (the file, with the connection), ``output_uri`` (without it), ``outputs`` (a
    list of ``uri``, ``size``, ``sha256``, ``container``, ``duration``, ``width``, ``height`` and ``audio``),
    ``poster_path`` and ``skipped``; with a poll URL also the keys of ``SubmitVideoOperator``. ``output_path`` and
    ``output_uri`` are XComs of their own. Beside each file is a sidecar, ``clip.mp4.json``.

    Source: https://docs.lemondata.cc (get-video-status).

    :param path: ``s3://``, ``gs://``, ``abfs://``, ``file://`` or an absolute path, also as ``ObjectStoragePath``; a
        connection is named as ``s3://conn@bucket/…``. A path that ends in ``/`` is a folder, in which the file is
        ``<task_id>[-<map_index>].mp4``. More videos of the task become ``clip-2.mp4`` and so on. Templated.
    :param poll_url: the poll URL of a finished task, or the whole result of ``SubmitVideoOperator``; templated.
    :param video_url: the link of a video, instead of ``poll_url``; it cannot be renewed. Templated.
    :param if_exists: what to do with a file that exists. ``skip`` (default) uses it, and fails for the video of another
        task; ``overwrite`` replaces it; ``fail`` accepts only a file of this task.
    :param max_bytes: refuse a larger video; default 2 GiB.
    :param asset_partition: ``file`` gives the events of ``outlets`` the path of the file as partition key (3.3 and
        newer); default: no key.
    :param lemondata_conn_id: connection of type ``lemondata``, default ``lemondata_default``; templated.
    :param retry_policy: Airflow's retry policy (3.3 and newer). Default:
        :class:`~lemondata_provider.hooks.retry_policy.LemonDataRetryPolicy`.
    :raises LemonDataFailException: the path holds something else, the video is too large, or the task failed.
    :raises LemonDataError: the task is not finished, the download broke off, or the path cannot be written; a retry
        costs nothing.
    """

    template_fields: Sequence[str] = ("path", "poll_url", "video_url", "lemondata_conn_id")
    ui_color = "#fff7c2"
    operator_extra_links = EXTRA_LINKS
    new_downloader: Callable[[], Downloader] = Downloader

    def __init__(
        self,
        *,
        path: Any,
        poll_url: Text | dict[str, Any] | None = None,
        video_url: Text | None = None,
        if_exists: Literal["skip", "overwrite", "fail"] = "skip",
        max_bytes: int = MAX_BYTES,
        asset_partition: Literal["file"] | None = None,
        lemondata_conn_id: str = LemonDataHook.default_conn_name,
        retry_policy: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**with_retry_policy(kwargs, retry_policy))
        # Mapped arguments and the results of other tasks come later, so only what is given can be checked here.
        if (poll_url is None) == (video_url is None):
            raise InvalidRequestError("Give either poll_url or video_url")
        self.path = checked_path("path", path)
        self.if_exists = choice("if_exists", if_exists, IF_EXISTS)
        self.max_bytes = count("max_bytes", max_bytes)
        self.asset_partition = checked_partition(asset_partition)
        self.poll_url = shield_literal(poll_url)
        self.video_url = shield_literal(video_url)
        self.lemondata_conn_id = connection_id("lemondata_conn_id", lemondata_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Poll the task once, and store its videos."""
        with self.failures_shown(context):
            return self.show_result(context, self._store(context))

    def entry(self) -> VideoEntry:
        """Return what is known of the video beforehand; another task instance paid for it."""
        facts = SubmitFacts.from_result(self.poll_url)
        return VideoEntry(
            EntryState.SUBMITTED, conn_id=self.lemondata_conn_id, model=facts.model, operation=facts.operation
        )

    def _store(self, context: Context) -> dict[str, Any]:
        try:
            result = self.remember_result(self._keep(context))
        except LemonDataError as error:
            translated = to_airflow_error(error)
            if translated is error:
                raise
            raise translated from error
        push_file(context, result)
        fill_events(self.outlets, context, result, self.asset_partition)
        self.log.info("%s", report(result))
        return result

    def _keep(self, context: Context) -> dict[str, Any]:
        ti = context["ti"]
        target = target_for(file_path(self.path, self.task_id, getattr(ti, "map_index", -1)))
        check_partition_key(self.asset_partition, target.path)
        target.preflight()
        keeper = ResultKeeper(target, self.if_exists, self.max_bytes, self.new_downloader)
        if self.poll_url is None:
            return self._keep_link(keeper, str(self.video_url)).result()
        facts = SubmitFacts.from_result(self.poll_url)
        task = self._poll()
        kept = keeper.keep(task, Origin.of(task, facts), self._poll)
        return {**facts.complete(task.result()), **kept.result()}

    @staticmethod
    def _keep_link(keeper: ResultKeeper, url: str) -> Kept:
        """Keep the video of a link; its query may be a signature, and says nothing about the video."""
        digest = hashlib.sha256(url.partition("?")[0].encode()).hexdigest()[:16]
        task = Task(id="", poll_url="", status=TaskStatus.COMPLETED, videos=(Video(url=url),))
        return keeper.keep(task, Origin(fingerprint={"video_url": digest}))

    def _poll(self) -> Task:
        """Return the finished task, with fresh links."""
        task_id, poll_url = named_task(self.poll_url)
        with self.hook.get_conn() as client:
            task = client.send(calls.get_task(poll_url, task_id))
        if task.status is TaskStatus.FAILED:
            raise failure_of(task).replace(task_id=task_id, poll_url=poll_url)
        if task.status is not TaskStatus.COMPLETED:
            message = (
                f"The task is {task.raw_status or task.status.value}, so it has no video yet: wait with TaskSensor."
            )
            raise LemonDataError(message, task_id=task_id, poll_url=poll_url)
        return task
