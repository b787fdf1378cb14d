"""
The way to a task at LemonData without paying for it twice.

What a try finds in the store, and what follows from it, is said in :mod:`lemondata_provider.operators.record`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tenacity import Retrying

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import (
    LemonDataError,
    SubmitUnknownError,
    TaskFailedError,
    TaskNotFoundError,
    TaskTimeoutError,
)
from lemondata_provider.api.polling import Failed, PollAgain, PollResult, TaskPoller, TaskWait
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.retry import retry_options
from lemondata_provider.api.submit_outcome import (
    REPAIR_WITHOUT_RECORD,
    SubmitOutcome,
    classify_submit_error,
    is_model_unavailable,
    to_submit_error,
)
from lemondata_provider.api.task import Task
from lemondata_provider.catalog.media import is_local
from lemondata_provider.hooks.exceptions import KilledError
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.metrics import Metrics
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.hooks.tracing import span
from lemondata_provider.hooks.version_compat import task_stats
from lemondata_provider.operators.canceller import Canceller
from lemondata_provider.operators.record import (
    Options,
    Record,
    Recovery,
    decide_recovery,
    repair_instructions,
    should_resubmit,
)
from lemondata_provider.operators.signals import deferred_signals
from lemondata_provider.operators.submit_store import SubmitStore
from lemondata_provider.results.inputs import sendable

ANSWER_UNSEEN = "An earlier try may have submitted this video, and its answer got lost: it may have been charged."


@dataclass
class Submission:
    """
    One piece of work: its request, what is stored of it, and the way to its task.

    The store holds an intent while a request is on its way, so a later try that finds one knows that a create may
    have been paid for; and the task from the moment its id is known.

    :param hook: the connection.
    :param requests: what is submitted; those after the first are tried in order where a model cannot be had.
    :param new_record: what is to be stored of a new submit.
    :param options: what the user allows to be paid for again.
    :param poll_interval: the pause aimed at between two polls, in seconds.
    :param store: the records of the task instance; none if nothing is kept.
    :param task_instance: whose submit it is.
    :param cancel_replaced: whether a task is cancelled that a person wants another one for.
    :param sleep: how to pause.
    :param check: called before anything is submitted; what it raises is raised then, and nothing is sent.
    :param find_file: called with a record before its task is polled or submitted; it raises if the file of the video
        is there already.
    :param price: checks a request right before it is submitted, and returns what it will cost in USD.
    :param metrics: counts submits and their cost.
    :param record: what is known by now; with the task's id once there is a task.
    :param lost: the error of a request that may have been accepted.
    :param before: the record that the intent of this try replaces; it comes back if nothing is submitted.
    :param replaced: the task that is to be cancelled, because another one takes its place.
    :param canceller: cancels the task of the record.
    :param is_killed: whether Airflow is ending this process, which must not begin a create then.
    """

    hook: LemonDataHook
    requests: list[VideoRequest]
    new_record: Record
    options: Options
    poll_interval: float
    store: SubmitStore | None
    task_instance: TaskInstanceKey
    cancel_replaced: bool = False
    sleep: Callable[[float], None] = time.sleep
    check: Callable[[], None] = lambda: None
    find_file: Callable[[Record], None] = lambda _: None
    price: Callable[[VideoRequest], str | None] = lambda _: None
    is_killed: Callable[[], bool] = lambda: False
    metrics: Metrics = field(default_factory=lambda: Metrics(task_stats()))
    record: Record = field(init=False)
    canceller: Canceller = field(init=False)
    lost: LemonDataError | None = None
    before: Record | None = None
    replaced: Record | None = None

    def __post_init__(self) -> None:
        self.record = self.new_record
        self.canceller = Canceller(self.hook, self.task_instance)

    def submit_or_reattach(self) -> tuple[TaskPoller, PollResult]:
        """
        Return the poller of the task: of an earlier try if there is one, otherwise of a new submit.

        :raises LemonDataError: nothing was submitted, or the outcome of a submit is unknown.
        """
        stored = self.store.read() if self.store else None
        cleared = bool(stored and self.store and self.store.is_cleared(stored, self.new_record))
        self.before = stored
        recovery = decide_recovery(stored, self.new_record, self.options, cleared)
        if recovery is Recovery.MANUAL:
            raise SubmitUnknownError(f"{ANSWER_UNSEEN} {self._repair()}")
        regenerated, paid = cleared and self.options.on_clear == "regenerate", stored.paid() if stored else ()
        self.new_record = replace(self.new_record, regenerated=regenerated, earlier=paid)
        if stored and recovery is Recovery.REATTACH:
            return self._reattach(stored, cleared)
        self.replaced = stored if self.cancel_replaced else None
        if earlier := self._find_earlier():
            return self._reattach(earlier, cleared=True)
        if stored and stored.task_id:
            self.hook.log.warning("A user cleared this task instance: another task replaces task %s", stored.task_id)
        return self._submit()

    def unrecorded_error(self) -> LemonDataError | None:
        """Return the error of a try that Airflow ends, if no record keeps a retry from paying again."""
        if self.store is None and self.record.task_id:
            message = "execution_timeout came after the submit: the video is paid for."
            return TaskTimeoutError(message, task_id=self.record.task_id, poll_url=self.record.poll_url)
        return self._error(self.lost) if self.store is None and self.lost else None

    def _repair(self) -> str:
        if self.options.on_unknown_submit == "resubmit":
            return "With on_unknown_submit='resubmit' a retry submits it again, which may pay for it twice."
        return repair_instructions(self.task_instance.arguments()) if self.store else REPAIR_WITHOUT_RECORD

    def _error(self, error: LemonDataError) -> LemonDataError:
        """Return the error to raise for a failed create; an error that a retry resubmits is not final."""
        submit_error = to_submit_error(error, self._repair())
        if isinstance(submit_error, SubmitUnknownError) and self.options.on_unknown_submit == "resubmit":
            return submit_error.replace(final=False)
        return submit_error

    def _find_earlier(self) -> Record | None:
        """Return the record of a task that was submitted for this very request, and then replaced by another."""
        if self.store is None or self.options.on_clear == "regenerate":
            return None
        is_first = self.before is None and self.store.current.number == 1
        return None if is_first else self.store.find_earlier(self.new_record.fingerprint)

    def _reattach(self, stored: Record, cleared: bool) -> tuple[TaskPoller, PollResult]:
        renewed = cleared or stored.is_adopted  # a user wants the video: that renews the deadline
        deadline = self.new_record.deadline if renewed else stored.deadline
        new, others = self.new_record, self.new_record.paid(without=stored.task_id)
        current: dict[str, Any] = {name: getattr(new, name) for name in ("fingerprint", "max_tries", "try_id")}
        self.record = replace(stored, deadline=deadline, answered=True, earlier=others, **current)
        self.find_file(self.record)
        reason = "adopted by a user" if stored.is_adopted else "cleared by a user" if cleared else "a retry"
        self.hook.log.info("This is %s: polling task %s before anything is paid for", reason, stored.task_id)
        poller = self._poller(self.record)
        result = self.hook.poll(poller)
        while isinstance(result, PollAgain) and result.needs_confirmation:
            self.sleep(result.delay)
            result = self.hook.poll(poller)
        error = result.error if isinstance(result, Failed) else None
        if not isinstance(result, PollAgain) and should_resubmit(error, cleared, self.options):
            self.hook.log.info("Its video does not exist (%s): submitting again", error)
            if isinstance(error, TaskFailedError):  # which costs nothing
                self.new_record = replace(self.new_record, earlier=others)
            return self._submit()
        # After the poll: if this try dies before, the next one still sees the clear. And an adopted id that LemonData
        # does not know may be a typo: the record stays as the user wrote it.
        if self.store and (cleared or (stored.is_adopted and not isinstance(error, TaskNotFoundError))):
            self._keep_replaced(stored)
            self.store.write_task(self.record)
        self._cancel_replaced()
        return poller, result

    def _keep_replaced(self, new: Record | None = None) -> None:
        if self.store and self.before and self.before is not new:
            self.store.keep_replaced(self.before)

    def _cancel_replaced(self) -> None:
        """Cancel the task that another one replaces, unless it has ended."""
        record, self.replaced = self.replaced, None
        if record and record.task_id:
            poller = self._poller(replace(record, deadline=self.new_record.deadline))
            if isinstance(self.hook.poll(poller), PollAgain):
                self.hook.log.warning(self.hook.cancel(record.task_id))

    def _submit(self) -> tuple[TaskPoller, PollResult]:
        self.check()
        self.find_file(self.new_record)
        self._keep_replaced()
        refusals: list[LemonDataError] = []
        with self.hook.get_conn() as client:
            for request in self.requests:
                try:
                    return self._submit_one(client, request)
                except LemonDataError as error:
                    if not is_model_unavailable(error):
                        raise
                    self.hook.log.warning("Model %s is not available: %s", request.model, error)
                    refusals.append(error)
        raise next((error for error in refusals if not error.final), refusals[-1])  # a retry may succeed

    def _submit_one(self, client: Client, request: VideoRequest) -> tuple[TaskPoller, PollResult]:
        self.record = replace(
            self.new_record,
            model=request.model,
            operation=request.operation,
            estimated_cost_usd=self.price(request),
        )
        sent = sendable(request, is_local(client.base_url))  # links change with every try: the record has none
        self._cancel_replaced()  # only once the new request has passed all checks
        call = calls.submit_video(sent)
        try:
            with span("lemondata.submit", model=request.model, operation=request.operation):
                for attempt in Retrying(sleep=client.sleep, **retry_options(call)):
                    with attempt:
                        task = self._attempt(client, call)
        except LemonDataError as error:
            self.metrics.submit_failed(error, request.model)
            raise self._error(error) from error
        self.metrics.submitted(request.model, self.record.estimated_cost_usd)
        poller = self._poller(self.record, created=time.time())
        return poller, poller.on_task(task, time.time())

    def _attempt(self, client: Client, call: calls.Call[Task]) -> Task:
        """Send one request; no signal and no timeout comes between the request and the storing of its answer."""
        with deferred_signals():
            if self.is_killed():
                raise KilledError("Airflow ended this try before it submitted: nothing was sent.")
            if self.store:
                self.store.write_intent(self.record, self.before)
            try:
                task = client.send_once(call)
            except LemonDataError as error:
                if classify_submit_error(error) is SubmitOutcome.UNKNOWN:
                    self.lost = error
                elif self.store:
                    self.store.take_back(self.before)
                raise
            request = f" (request {task.request_id})" if task.request_id else ""
            self.hook.log.info("LemonData accepted task %s%s; poll URL: %s", task.id, request, task.poll_url)
            names: dict[str, Any] = {"task_id": task.id, "poll_url": task.poll_url, "request_id": task.request_id}
            self.record = replace(self.record, answered=True, created=time.time(), **names)
            if self.store:
                self.store.write_task(self.record)
            return task

    def _poller(self, record: Record, created: float | None = None) -> TaskPoller:
        return TaskPoller(
            TaskWait(
                record.task_id or "",
                record.poll_url or "",
                self.hook.lemondata_conn_id,
                record.deadline,
                self.poll_interval,
                record.model,
                created,
            )
        )
