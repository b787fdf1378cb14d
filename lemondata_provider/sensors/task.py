"""The sensor that waits for a task. Source: https://docs.lemondata.cc (get-task-status)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from lemondata_provider.api.errors import InvalidRequestError, LemonDataError, TaskTimeoutError
from lemondata_provider.api.polling import Completed, Failed, PollAgain, TaskPoller, TaskWait
from lemondata_provider.api.redaction import shield_literal
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.hooks.annotations import Text
from lemondata_provider.hooks.arguments import connection_id, flag, identified_task, in_seconds, is_literal, named_task
from lemondata_provider.hooks.exceptions import naming_task, to_airflow_error
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.mixin import LemonDataMixin
from lemondata_provider.hooks.retry_policy import with_retry_policy
from lemondata_provider.hooks.version_compat import is_from_mapped
from lemondata_provider.links import TASK_LINKS
from lemondata_provider.triggers.events import read_event, with_video_url
from lemondata_provider.triggers.task import TaskTrigger
from lemondata_provider.videos.entry import EntryState, VideoEntry
from lemondata_provider.videos.mixin import EntryMixin

if TYPE_CHECKING:
    from airflow.sdk import Context

SWITCHES = {"soft_fail", "never_fail", "silent_fail"}  # of Airflow's own sensor, which takes "False" for true


class TaskSensor(EntryMixin, LemonDataMixin, BaseSensorOperator):
    """
    Wait for a task at LemonData and return its result, the same dict as ``SubmitVideoOperator``.

    It only polls: ending the sensor cancels nothing at LemonData. It fails at once, with the API's reason, if the task
    failed, was cancelled or is unknown.
    ``soft_fail``, ``never_fail`` and ``silent_fail`` mean the same in all modes.

    Source: https://docs.lemondata.cc (get-task-status).

    :param poll_url: the poll URL, or the whole result of ``SubmitVideoOperator``; templated.
    :param lemondata_conn_id: connection of type ``lemondata``, default ``lemondata_default``; templated.
    :param poke_interval: target pause between two polls, in seconds or as a timedelta, default 5.
    :param timeout: maximum wait, in seconds or as a timedelta, default 3600; then ``AirflowSensorTimeout``.
    :param deferrable: wait in the triggerer, and hold no worker; default ``True``, whatever Airflow's own default is.
        With ``False`` the sensor waits in its ``mode``: ``poke`` or ``reschedule``.
    :param retry_policy: Airflow's retry policy (3.3 and newer). Default:
        :class:`~lemondata_provider.hooks.retry_policy.LemonDataRetryPolicy`.
    :raises InvalidRequestError: a literal argument is invalid; raised when the DAG is parsed.
    :raises LemonDataFailException: the task failed, was cancelled or is unknown, or the key was refused too long.
    :raises AirflowSensorTimeout: the task was not finished in time; it may still finish, and is not paid for again.
    :raises LemonDataError: a retry may succeed, for example once a missing connection is defined.
    """

    template_fields: Sequence[str] = ("poll_url", "lemondata_conn_id")
    ui_color = "#fff7c2"
    operator_extra_links = TASK_LINKS

    def __init__(
        self,
        *,
        poll_url: Text | dict[str, Any],
        lemondata_conn_id: str = LemonDataHook.default_conn_name,
        poke_interval: float | timedelta = 5.0,
        timeout: float | timedelta = 3600.0,
        deferrable: bool = True,
        retry_policy: Any = None,
        **kwargs: Any,
    ) -> None:
        for name in SWITCHES & kwargs.keys():
            flag(name, kwargs[name])
        super().__init__(
            poke_interval=in_seconds("poke_interval", poke_interval),
            timeout=in_seconds("timeout", timeout),
            **with_retry_policy(kwargs, retry_policy),
        )
        self.poll_url = shield_literal(poll_url)  # Airflow stores and shows it, whatever was put there by mistake
        self.lemondata_conn_id = connection_id("lemondata_conn_id", lemondata_conn_id)
        self.deferrable = flag("deferrable", deferrable)
        self._poking: TaskPoller | None = None  # its memory of refusals spans the pokes of one try
        self._last_error: LemonDataError | None = None
        self._first_progress: float | None = None
        if is_literal(poll_url, self.template_ext) and not is_from_mapped(self):
            named_task(self.poll_url)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the wait; a failure callback finds the task on whatever is raised."""
        with naming_task(self._known):
            try:
                return super().resume_execution(next_method, next_kwargs, context)
            except AirflowSkipException as skip:
                reason = skip.__cause__  # Airflow skips again what skips already, and drops the reason
                if isinstance(reason, AirflowSkipException):
                    raise reason from reason.__cause__
                raise

    def execute(self, context: Context) -> Any:
        """Poll once and defer if the task has not ended; with ``deferrable=False`` poke."""
        with self.failures_shown(context), naming_task(self._known), self._failing_softly():
            if not self.deferrable:
                return self._succeed(context, self._poke_until_done(context))
            poller = self._poller(time.time() + self.timeout)
            result = self.hook.poll(poller)
            if isinstance(result, PollAgain):
                self.show(context, self.entry)
                self._defer(poller)
            return self._succeed(context, self._result(result))

    def _poke_until_done(self, context: Context) -> Any:
        """Poke as Airflow does; its own timeout says nothing of the task, which is paid for."""
        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as timeout:
            if timeout.__cause__ or self._poking is None:
                raise
            failure = self._failure(self._poking.timed_out(self._last_error).error)
            if isinstance(timeout, AirflowSkipException):
                raise AirflowSkipException(str(failure)) from failure.__cause__
            raise failure from failure.__cause__

    def poke(self, context: Context) -> PokeReturnValue | bool:
        """Poll the task, and again until a possible end is confirmed."""
        poller = self._poking = self._poking or self._poller(deadline=float("inf"))
        result = self.hook.poll(poller)
        while isinstance(result, PollAgain) and result.needs_confirmation:
            time.sleep(result.delay)
            result = self.hook.poll(poller)
        self._last_error = result.error if isinstance(result, PollAgain) else None
        return not isinstance(result, PollAgain) and PokeReturnValue(is_done=True, xcom_value=self._result(result))

    def execute_complete(self, context: Context, event: Any, deadline: float | None = None) -> Any:
        """
        Return the result of the trigger's event, raise its error, or wait on with ``silent_fail``.

        :param context: Airflow's context.
        :param event: the trigger's event.
        :param deadline: Unix seconds at which the wait ends; ``airflow dags test`` does not pass it.
        """
        with self.failures_shown(context), naming_task(self._known), self._failing_softly():
            poller = self._poller(time.time() + self.timeout if deadline is None else deadline)
            wait = poller.wait
            end = read_event(event, wait.task_id, wait.poll_url)
            self._first_progress = end.first_progress
            error = end.exception()
            if error is None:
                return self._succeed(context, self.remember_result(self._facts.complete(end.result or {})))
            if self.silent_fail and not error.final:
                self.log.error("The wait goes on, because of silent_fail: %s", error)
                if time.time() < wait.deadline:
                    self._defer(poller)
                raise AirflowSensorTimeout(str(error)) from error
            raise self._failure(error)

    def entry(self) -> VideoEntry:
        """Return what is known of the video by now; another task instance paid for it."""
        known, facts = self._known(), self._facts
        return VideoEntry(
            EntryState.SUBMITTED,
            video_task=known["task_id"],
            poll_url=known["poll_url"],
            conn_id=self.lemondata_conn_id,
            model=facts.model,
            operation=facts.operation,
            first_progress=self._first_progress,
        )

    def _succeed(self, context: Context, result: dict[str, Any]) -> dict[str, Any]:
        return self.show_result(context, with_video_url(context, result))

    def _poller(self, deadline: float) -> TaskPoller:
        try:
            task_id, poll_url = named_task(self.poll_url)
        except InvalidRequestError as error:
            raise to_airflow_error(error) from None
        model = self._facts.model
        return TaskPoller(
            TaskWait(task_id, poll_url, self.lemondata_conn_id, deadline, self.poke_interval, model=model)
        )

    def _known(self) -> dict[str, Any]:
        """Return id and poll URL of the task, as far as poll_url names one."""
        task_id, poll_url = identified_task(self.poll_url) or (None, None)
        return {"task_id": task_id, "poll_url": poll_url}

    def _defer(self, poller: TaskPoller) -> NoReturn:
        self.defer(
            trigger=TaskTrigger.after_poll(poller),
            method_name="execute_complete",
            kwargs={"deadline": poller.wait.deadline},
        )

    @property
    def _facts(self) -> SubmitFacts:
        """Return what the result of the submit says and answers about its task may not repeat."""
        return SubmitFacts.from_result(self.poll_url)

    def _result(self, end: Completed | Failed) -> dict[str, Any]:
        if isinstance(end, Failed):
            raise self._failure(end.error)
        return self.remember_result(self._facts.complete(end.task.result()))

    def _failure(self, error: LemonDataError) -> Exception:
        if not isinstance(error, TaskTimeoutError):
            return to_airflow_error(error)
        timeout = AirflowSensorTimeout(str(error))
        timeout.__cause__ = error  # a failure callback finds its facts
        return timeout

    @contextmanager
    def _failing_softly(self) -> Iterator[None]:
        """Skip where soft_fail or never_fail ask for it: Airflow does that for pokes, and otherwise for some errors."""
        try:
            yield
        except (AirflowFailException, AirflowSensorTimeout) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        except LemonDataError as error:
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
