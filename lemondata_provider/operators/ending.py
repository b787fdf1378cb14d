"""How a task instance goes on with a paid task: it waits, returns or raises, and no retry pays again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowTaskTimeout

from lemondata_provider.api.cancellation import NOT_CANCELLED
from lemondata_provider.api.errors import LemonDataError, OutputMismatchError, TaskFailedError, TaskTimeoutError
from lemondata_provider.api.polling import STILL_RUNNING, Failed, PollAgain, PollResult, TaskPoller
from lemondata_provider.api.submit_facts import SubmitFacts
from lemondata_provider.api.task import Task
from lemondata_provider.api.video_body import PAID
from lemondata_provider.hooks.exceptions import LemonDataFailException, to_airflow_error
from lemondata_provider.operators.output import NO_FILE, OutputFile, OutputFound, result_of_found
from lemondata_provider.operators.record import Record
from lemondata_provider.operators.submit_store import WRITE_TIMEOUT, submit_store_of, write_through_outage
from lemondata_provider.results.asset_events import fill_events
from lemondata_provider.results.outputs import Output, push_file, report
from lemondata_provider.triggers.events import with_video_url
from lemondata_provider.triggers.task import TaskTrigger

log = logging.getLogger(__name__)

PAID_WITHOUT_RECORD = (
    "The video is paid for. No retry follows, since it would pay again: VideoToObjectStorageOperator stores the video "
    "of the poll URL at no cost."
)


def finish(
    operator: Any, context: Context, record: Record, file: OutputFile | None, poller: TaskPoller, result: PollResult
) -> dict[str, Any]:
    """
    Return the submitted task, or wait for its video, as the user asked.

    :param operator: a ``SubmitVideoOperator``.
    :param context: Airflow's context.
    :param record: of the task.
    :param file: where the video of the request goes, if it is stored.
    :param poller: of the task.
    :param result: what followed from the last poll, or from the answer to the submit.
    """
    facts = SubmitFacts(record.model, record.operation, record.estimated_cost_usd)
    last_task = poller.last_task or Task(id=poller.wait.task_id, poll_url=poller.wait.poll_url)
    submitted = facts.complete(last_task.result())
    timed_out = isinstance(result, Failed) and isinstance(result.error, TaskTimeoutError)
    if not operator.wait_for_completion and (timed_out or isinstance(result, PollAgain)):
        return success(operator, context, submitted)
    file = file and file.of_record(record)
    if isinstance(result, PollAgain):
        operator.show(context, operator.entry)
        if operator.deferrable:
            trigger = TaskTrigger.after_poll(poller, operator.cancel_on_kill)
            output = {"output": file.to_json()} if file else {}
            kwargs = {"submitted": submitted, **output, "entry": operator.entry_json()}
            operator.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs)
    end = operator.hook.wait(poller, result)
    if isinstance(end, Failed):
        raise failure(operator, context, end.error)
    return completed(operator, context, file, facts.complete(end.task.result()))


def failure(operator: Any, context: Context, error: LemonDataError) -> Exception:
    """
    Return the exception to raise for a task that is paid for.

    :param operator: a ``SubmitVideoOperator``.
    :param context: Airflow's context; without a record in its store a retry would pay again.
    :param error: the end of the task, or of the wait for it.
    """
    if isinstance(error, TaskFailedError) and operator.resubmit_failed:
        return error.replace(final=False)  # a retry submits again
    if isinstance(error, TaskTimeoutError) and error.task_id and operator.on_timeout == "cancel":
        cancellation = operator.hook.cancel(error.task_id)
        what_happened, _, _ = error.message.partition(f" {STILL_RUNNING}")
        kept = error.message if NOT_CANCELLED in cancellation else what_happened
        error = error.replace(message=f"{kept} on_timeout='cancel': {cancellation}")
    store = submit_store_of(operator, context)
    if store is None:
        message = error.message.replace(PAID, PAID_WITHOUT_RECORD)
        return LemonDataFailException(error.replace(message=message))
    if error.final:
        store.write_end(error.task_id)
    return to_airflow_error(error)


def completed(operator: Any, context: Context, file: OutputFile | None, result: dict[str, Any]) -> dict[str, Any]:
    """
    Return the result of a finished task, with its file if there is to be one: it is stored now.

    :param operator: a ``SubmitVideoOperator``.
    :param context: Airflow's context.
    :param file: where the video goes, if it is stored.
    :param result: of the task.
    :raises LemonDataError: the video was not stored; the retry that follows stores it at no cost.
    :raises LemonDataFailException: it cannot be stored there, or a retry would pay again.
    """
    operator.remember_charge(result)  # paid, whatever comes of the file
    return success(operator, context, _store_file(operator, context, file, result) if file else result)


def _store_file(operator: Any, context: Context, file: OutputFile, result: dict[str, Any]) -> dict[str, Any]:
    try:
        stored: dict[str, Any] = operator.remember_result(file.store(result, operator.hook))
        check_file(operator, context, file, stored)
        return stored
    except LemonDataError as error:
        raise failure(operator, context, error) from error.__cause__
    except AirflowTaskTimeout:
        if submit_store_of(operator, context):
            raise
        names = {"task_id": result["task_id"], "poll_url": result["poll_url"]}
        timeout = TaskTimeoutError(f"execution_timeout ended the download. {PAID_WITHOUT_RECORD}", **names)
        raise LemonDataFailException(timeout) from None


def found_file(operator: Any, context: Context, file: OutputFile | None, found: OutputFound) -> dict[str, Any]:
    """
    Return the result of a submit whose file was there already, so that nothing was submitted.

    :param operator: a ``SubmitVideoOperator``.
    :param context: Airflow's context.
    :param file: where the video would have gone.
    :param found: what is there.
    :raises LemonDataFailException: it is not what the user expects.
    """
    result: dict[str, Any] = operator.remember_result(result_of_found(found.kept))
    try:
        check_file(operator, context, file, result)
    except LemonDataError as error:
        raise failure(operator, context, error) from None
    return success(operator, context, result)


def check_file(operator: Any, context: Context, file: OutputFile | None, result: Mapping[str, Any]) -> None:
    """
    Compare the stored videos with what the user expects.

    :raises OutputMismatchError: see :meth:`Expectation.enforce`; the XComs name the file all the same.
    """
    if operator.expectation and file:
        outputs = [Output(**output) for output in result["outputs"]]
        try:
            operator.expectation.enforce(outputs, file.asked, task_id=result["task_id"], poll_url=result["poll_url"])
        except OutputMismatchError:
            push_file(context, result)
            raise


def success(operator: Any, context: Context, result: dict[str, Any], timeout: float = WRITE_TIMEOUT) -> dict[str, Any]:
    """
    Return the result of a task that is paid for, push the URL of its video, and show it on the page of videos.

    Airflow retries a task whose XCom it cannot store. Without a record that retry would pay again, so the result is
    stored here first, through an outage of Airflow's API server too.

    :param operator: a ``SubmitVideoOperator``.
    :param context: Airflow's context.
    :param result: what the operator returns.
    :param timeout: how long an outage may last, in seconds.
    :raises LemonDataFailException: the result cannot be stored; the message names the task.
    """

    def push() -> None:
        if store is None and operator.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=result)
        if result["video_url"]:
            with_video_url(context, result)
        push_file(context, result)

    result = operator.remember_result({**NO_FILE, **result})
    store = submit_store_of(operator, context)
    task_id, poll_url = result.get("task_id"), result.get("poll_url")
    if store:
        store.write_end(task_id)
        push()  # a retry finds the task
    elif error := write_through_outage(push, task_id, operator.sleep, timeout):
        message = (
            f"Airflow could not store the result: {error}. It is paid for: wait for it with "
            f"TaskSensor(poll_url={poll_url!r}). No retry follows, since it would pay again."
        )
        raise LemonDataFailException(LemonDataError(message, task_id=task_id, poll_url=poll_url))
    fill_events(operator.outlets, context, result, operator.asset_partition)
    if result["outputs"]:
        log.info("%s", report(result))
    shown: dict[str, Any] = operator.show_result(context, result)
    return shown
