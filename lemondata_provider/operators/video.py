"""The operator that submits a video. Source: https://docs.lemondata.cc (create-video)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowTaskTimeout

from lemondata_provider.api.download import Downloader
from lemondata_provider.api.errors import InvalidRequestError, LemonDataError
from lemondata_provider.api.polling import PollAgain
from lemondata_provider.api.redaction import shield_literal
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.hooks.annotations import Integer, Number, Object, Objects, Switch, Text, Texts
from lemondata_provider.hooks.arguments import choice, connection_id, count, flag, in_seconds
from lemondata_provider.hooks.exceptions import naming_task, submit_errors_as_airflow_errors, to_airflow_error
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.mixin import LemonDataMixin
from lemondata_provider.hooks.retry_policy import with_retry_policy
from lemondata_provider.lineage import LineageMixin
from lemondata_provider.links import EXTRA_LINKS
from lemondata_provider.operators.ending import completed, failure, finish, found_file
from lemondata_provider.operators.guards import read_guards
from lemondata_provider.operators.output import OutputFile, OutputFound
from lemondata_provider.operators.preparation import prepare
from lemondata_provider.operators.request_fields import FIELDS, computed_paths
from lemondata_provider.operators.submission_entry import SubmissionEntryMixin
from lemondata_provider.operators.validation import VALIDATIONS, check_literals
from lemondata_provider.results.asset_events import checked_partition
from lemondata_provider.results.expectation import Expectation
from lemondata_provider.results.outputs import IF_EXISTS, MAX_BYTES
from lemondata_provider.results.paths import checked_path, target_for
from lemondata_provider.results.target import Target
from lemondata_provider.triggers.events import read_event
from lemondata_provider.videos.entry import VideoEntry


class SubmitVideoOperator(SubmissionEntryMixin, LineageMixin, LemonDataMixin, BaseOperator):
    """
    Submit a video to LemonData, and wait for it if asked to.

    All request fields are templated, also inside lists and dicts. Fields that you leave out are not sent: the service's
    default holds. Inline media (``data:`` URLs) are sent, and shown nowhere. Media fields also take files:
    ``s3://[conn@]bucket/key``, ``gs://``, ``abfs://``, ``file:///path`` or an absolute path.

    Returns a dict with ``task_id``, ``poll_url``, ``status``, ``model``, ``operation``, ``progress``, ``video_url``,
    ``videos``, ``last_frame_url``, ``billing_transaction_id``, ``estimated_cost_usd``, ``created``, ``updated``,
    ``generation_seconds``, ``output_path``, ``output_uri``, ``outputs``, ``poster_path`` and ``skipped``; an unknown
    value is ``None``. ``video_url``, ``output_path`` and ``output_uri`` are XComs of their own: the next task takes
    ``video_url=this.output["video_url"]``.

    Source: https://docs.lemondata.cc (create-video).

    :param model: the model that generates, for example ``veo3.1-fast``.
    :param prompt: what the video shows.
    :param operation: ``text-to-video``, ``image-to-video``, ``reference-to-video``, ``start-end-to-video``,
        ``video-to-video``, ``motion-control``, ``audio-to-video`` or ``video-extension``. Default: inferred from the
        inputs and the model, sent and returned.
    :param image_url: URL of the first image, the most portable image input.
    :param image: the image itself as a ``data:`` URL; some models take a URL here.
    :param image_urls: URLs of 1 to 9 images, for models that take several.
    :param reference_images: URLs of reference images: 3, or up to 9 by model.
    :param reference_image_type: ``asset`` or ``style``.
    :param start_image: URL of the first frame.
    :param end_image: URL of the last frame.
    :param video_url: URL of the source video, for ``video-to-video`` and ``motion-control``.
    :param video_urls: URLs of 1 to 3 reference videos, by model.
    :param audio_url: URL of the audio that drives the video.
    :param audio_urls: URLs of 1 to 3 reference audios, by model.
    :param source_task_id: LemonData's id of an earlier task, to upscale or extend its video; sent as ``task_id``.
    :param kling_elements: 1 to 3 of ``{"name", "description", "element_input_urls"}``, named ``@name`` in the prompt.
    :param output_audio: whether the video has sound. Default: the service's, which is sound for the Veo 3 family.
    :param duration: length in seconds; -1 lets some models choose.
    :param aspect_ratio: for example ``16:9``, ``9:16`` or ``1:1``.
    :param resolution: ``720p``, ``1080p`` or ``4k``; more by model.
    :param fps: frames per second.
    :param negative_prompt: what the video should not show.
    :param seed: the same seed and prompt give a similar video.
    :param cfg_scale: how closely the prompt is followed.
    :param motion_strength: amount of motion.
    :param watermark: whether the video has a watermark, by model.
    :param return_last_frame: whether the result has ``last_frame_url``, by model.
    :param user: your own name of the user, passed on to the service.
    :param extra_params: more fields to send, for those that are newer than this package.
    :param lemondata_conn_id: connection of type ``lemondata``, default ``lemondata_default``.
    :param output_path: where the finished video is stored: ``s3://``, ``gs://``, ``abfs://``, ``file://`` or an
        absolute path, with a connection as ``s3://conn@bucket/…``, or an ``ObjectStoragePath``. One that ends in ``/``
        is a folder, in which the file is ``<task_id>[-<map_index>].mp4``. More videos become ``clip-2.mp4`` and so on.
        The operator waits for completion then. Default: the video is not stored.
    :param if_exists: what to do with a file that exists. ``skip`` (default) returns it and submits nothing, and fails
        for the video of another request; ``overwrite`` replaces it; ``fail`` accepts only the file of this task.
    :param max_bytes: refuse to store a larger video, default 2 GiB.
    :param asset_partition: ``file`` gives the events of ``outlets`` the file's path as partition key (3.3 and newer),
        so that each file starts a run of a DAG with a ``PartitionedAssetTimetable``; default: no key.
    :param expect: what the stored video must be: ``{"duration": (3.5, 4.5), "min_height": 720, "audio": True}``, also
        ``min_width``, ``width``, ``height``, ``container`` and ``aspect_ratio``; ``"request"`` compares it with the
        request. Default: no comparison.
    :param on_mismatch: for a video that is not as expected, ``warn`` (default) or ``fail``; the file stays.
    :param wait_for_completion: return the finished video instead of the submitted task, default ``False``.
    :param deferrable: wait in the triggerer, and hold no worker; default ``True``, whatever Airflow's own default is.
    :param poll_interval: target pause between two polls, in seconds, default 5.
    :param timeout: maximum wait for the video, in seconds or as a timedelta, default 3600; over all retries if the
        submit is durable.
    :param durable: store the submit in Airflow's task state store (Airflow 3.3 and newer): a retry finds its task, and
        does not pay for another one; default ``True``.
    :param on_unknown_submit: what a retry does if the answer to an earlier submit was lost: ``fail`` (default), or
        ``resubmit``, which may pay twice.
    :param on_clear: what a new try does after a user cleared the task: ``reuse`` the video while it exists (default),
        or ``regenerate`` it.
    :param resubmit_failed: let an Airflow retry submit a failed generation again; default ``False``.
    :param cancel_on_kill: cancel the task at LemonData when a user ends the Airflow task (marks it or its run, or
        clears it with ``on_clear="regenerate"``); default ``True``. LemonData cancels only queued tasks of some models;
        the log has the outcome.
    :param on_timeout: at the deadline, ``leave`` the task at LemonData alone (default), or ``cancel`` it.
    :param fallback_models: models to try in this order if one is not found, not allowed or without channels.
    :param validation: check of the request against the catalog of models, before the submit, and of literal values when
        the DAG is parsed: ``strict`` (default) refuses a request that the model cannot do, ``warn`` logs it, ``off``
        checks nothing. A model that is not in the catalog is always allowed.
    :param check_live: check the request against the service's contract of the model today; default ``False``.
    :param max_cost_usd: refuse, before the submit, a request that costs more USD at today's price; default: no limit.
    :param unknown_cost: with ``max_cost_usd``, ``refuse`` (default) or ``allow`` a request whose price is unknown.
    :param blank_as_none: leave out blank values of templates and mapped cells (``""``, ``"None"``, ``None``), also
        inside lists and dicts; default ``False``: such a value is refused.
    :param retry_policy: Airflow's retry policy (3.3 and newer). Default:
        :class:`~lemondata_provider.hooks.retry_policy.LemonDataRetryPolicy`.
    :raises InvalidRequestError: a literal argument is invalid; raised when the DAG is parsed.
    :raises LemonDataFailException: an invalid request (nothing was sent), a permanently refused request, a submit with
        an unknown outcome, a failed generation or a passed deadline. The task fails at once, without a retry.
    :raises LemonDataError: nothing was submitted, and a retry may succeed: no connection, too many requests.
    """

    template_fields: Sequence[str] = (*FIELDS, "lemondata_conn_id", "output_path")
    template_fields_renderers: ClassVar[dict[str, str]] = {"extra_params": "json"}
    ui_color = "#fff7c2"
    operator_extra_links = EXTRA_LINKS
    on_kill_seconds = 4.0  # Airflow ends the process 5 s after the signal
    sleep: Callable[[float], None] = staticmethod(time.sleep)
    new_target: Callable[[str], Target] = staticmethod(target_for)
    new_downloader: Callable[[], Downloader] = Downloader
    model: str
    operation: str | None

    def __init__(
        self,
        *,
        model: Text,
        prompt: Text | None = None,
        operation: Text | None = None,
        image_url: Text | None = None,
        image: Text | None = None,
        image_urls: Texts | None = None,
        reference_images: Texts | None = None,
        reference_image_type: Text | None = None,
        start_image: Text | None = None,
        end_image: Text | None = None,
        video_url: Text | None = None,
        video_urls: Texts | None = None,
        audio_url: Text | None = None,
        audio_urls: Texts | None = None,
        source_task_id: Text | None = None,
        kling_elements: Objects | None = None,
        output_audio: Switch | None = None,
        duration: Integer | None = None,
        aspect_ratio: Text | None = None,
        resolution: Text | None = None,
        fps: Integer | None = None,
        negative_prompt: Text | None = None,
        seed: Integer | None = None,
        cfg_scale: Number | None = None,
        motion_strength: Number | None = None,
        watermark: Switch | None = None,
        return_last_frame: Switch | None = None,
        user: Text | None = None,
        extra_params: Object | None = None,
        lemondata_conn_id: str = LemonDataHook.default_conn_name,
        output_path: Any = None,
        if_exists: Literal["skip", "overwrite", "fail"] = "skip",
        max_bytes: int = MAX_BYTES,
        asset_partition: Literal["file"] | None = None,
        expect: dict[str, Any] | Literal["request"] | None = None,
        on_mismatch: Literal["warn", "fail"] = "warn",
        wait_for_completion: bool = False,
        deferrable: bool = True,
        poll_interval: float = 5.0,
        timeout: float | timedelta = 3600.0,
        durable: bool = True,
        on_unknown_submit: Literal["fail", "resubmit"] = "fail",
        on_clear: Literal["reuse", "regenerate"] = "reuse",
        resubmit_failed: bool = False,
        cancel_on_kill: bool = True,
        on_timeout: Literal["leave", "cancel"] = "leave",
        fallback_models: list[str] | None = None,
        validation: Literal["strict", "warn", "off"] = "strict",
        check_live: bool = False,
        max_cost_usd: Decimal | float | str | None = None,
        unknown_cost: Literal["refuse", "allow"] = "refuse",
        blank_as_none: bool = False,
        retry_policy: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        super().__init__(**with_retry_policy(kwargs, retry_policy))
        for name in FIELDS:  # shielded at once: Airflow stores and shows these attributes
            setattr(self, name, shield_literal(arguments[name]))
        self.computed = list(computed_paths({name: arguments[name] for name in FIELDS}, self.template_ext))
        self.blank_as_none = flag("blank_as_none", blank_as_none)
        self.lemondata_conn_id = connection_id("lemondata_conn_id", lemondata_conn_id)
        self.output_path = self.output_template = checked_path("output_path", output_path)
        self.if_exists = choice("if_exists", if_exists, IF_EXISTS)
        self.max_bytes = count("max_bytes", max_bytes)
        self.asset_partition = checked_partition(asset_partition)
        self.expectation = Expectation.parse(expect, on_mismatch)
        if expect is not None and output_path is None:
            raise InvalidRequestError("expect needs output_path: it compares the stored file")
        self.wait_for_completion = flag("wait_for_completion", wait_for_completion) or output_path is not None
        self.deferrable = flag("deferrable", deferrable)
        self.poll_interval = in_seconds("poll_interval", poll_interval)
        self.timeout = in_seconds("timeout", timeout)
        self.durable = flag("durable", durable)
        self.on_unknown_submit = choice("on_unknown_submit", on_unknown_submit, ("fail", "resubmit"))
        self.on_clear = choice("on_clear", on_clear, ("reuse", "regenerate"))
        self.resubmit_failed = flag("resubmit_failed", resubmit_failed)
        self.cancel_on_kill = flag("cancel_on_kill", cancel_on_kill)
        self.on_timeout = choice("on_timeout", on_timeout, ("leave", "cancel"))
        self.validation = choice("validation", validation, VALIDATIONS)
        check_literals(self)
        self.guards = read_guards(check_live, max_cost_usd, unknown_cost)
        self.is_killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the request, submit it or reattach to its task, and return, defer or wait."""
        try:
            with self.failures_shown(context):
                return self._submit(context)
        finally:
            self._submission = None

    def _submit(self, context: Context) -> dict[str, Any]:
        submission, output = prepare(self, context)
        self._submission = submission
        try:
            with naming_task(lambda: vars(submission.record)):
                with submit_errors_as_airflow_errors(getattr(self, "retry_policy", None)):
                    poller, result = submission.submit_or_reattach()
                if isinstance(result, PollAgain) and self.cancel_on_kill:
                    submission.canceller.raise_if_ended_by_user(submission.record)
                return finish(self, context, submission.record, output, poller, result)
        except OutputFound as found:
            return found_file(self, context, output, found)
        except AirflowTaskTimeout:
            if error := submission.unrecorded_error():
                raise to_airflow_error(error) from None
            raise

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the wait; a failure callback finds the task on whatever is raised."""
        with naming_task(lambda: (next_kwargs or {}).get("submitted") or {}):
            return super().resume_execution(next_method, next_kwargs, context)

    def execute_complete(
        self,
        context: Context,
        event: Any,
        submitted: dict[str, Any] | None = None,
        output: dict[str, Any] | None = None,
        entry: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Return the result of the trigger's event, or raise its error.

        :param context: Airflow's context.
        :param event: the trigger's event.
        :param submitted: the result of the submit; ``airflow dags test`` does not pass it.
        :param output: where the video is stored, if it is.
        :param entry: what the page shows of the video.
        """
        self._entry = VideoEntry.from_json(entry)
        submitted = submitted or {"model": self.model, "operation": self.operation}
        with self.failures_shown(context):
            try:
                end = read_event(event, submitted.get("task_id"), submitted.get("poll_url"))
            except LemonDataError as error:
                raise failure(self, context, error) from None
            self._first_progress = end.first_progress
            if ended := end.exception():
                raise failure(self, context, ended)
            result = SubmitFacts.from_result(submitted).complete(end.result or {})
            file = OutputFile.from_json(self, output) if output else OutputFile.of(self, context)
            return completed(self, context, file, result)

    def on_kill(self) -> None:
        """Cancel the task at LemonData if a user ended the task instance; a drained worker and a retry keep it."""
        self.is_killed = True  # no create begins any more
        if self.cancel_on_kill and (submission := self._submission):
            submission.canceller.cancel_if_ended_by_user(submission.record, self.on_kill_seconds)
