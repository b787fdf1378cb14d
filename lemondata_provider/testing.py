"""
Run single tasks in tests, without a scheduler, a triggerer or a database.

With the sandbox a test needs neither a key nor money. pytest loads the fixture ``lemondata_connection`` by itself::

    from lemondata_provider.testing import run
    from product_clip import product_clip  # a function with Airflow's @dag


    def test_clip_is_stored(lemondata_connection, tmp_path):
        result = run(product_clip().get_task("clip"), ds="2026-03-01", params={"folder": str(tmp_path)})
        assert (tmp_path / "2026-03-01.mp4").stat().st_size == result["outputs"][0]["size"]
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pendulum
from airflow.sdk import XComArg
from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralError, TaskDeferred

from lemondata_provider.api.download import Downloader
from lemondata_provider.hooks.mixin import LemonDataMixin
from lemondata_provider.hooks.price_cache import PriceCache
from lemondata_provider.hooks.version_compat import (
    copy_for_run,
    has_task_state_store,
    merge_params,
    running_task,
    template_accessors,
)
from lemondata_provider.videos.entry import ENTRY_KEY
from lemondata_provider.videos.mixin import EntryMixin

POLL_SECONDS = 0.05
RETURN_VALUE = "return_value"


class TaskStateStore(dict[str, Any]):
    """Airflow's task state store of one task instance, in memory."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Store a value."""
        self[key] = value

    def delete(self, key: str) -> None:
        """Delete a key, if it is there."""
        self.pop(key, None)


class RunContext(dict[str, Any]):
    """
    One DAG run: what its templates know, and what its tasks pushed.

    Pass the same context to several calls of :func:`run`: the tasks see each other's XComs, and a task that runs again
    is in its next try. ::

        context = RunContext(ds="2026-01-02", params={"folder": str(tmp_path)})
        run(dag.get_task("clip"), context=context)
        run(dag.get_task("upscale"), context=context)
        assert context.xcoms["upscale"]["output_path"] == f"{tmp_path}/clip-upscaled.mp4"

    :param ds: the logical date as ``YYYY-MM-DD``, default ``2026-01-01``.
    :param params: values that replace the defaults of the DAG's params; Airflow's checks of params apply.
    :param run_id: the id of the run, default ``manual__`` and the logical date.
    :param values: more values for templates, for example ``partition_key="…"``.
    """

    def __init__(
        self, *, ds: str = "2026-01-01", params: dict[str, Any] | None = None, run_id: str | None = None, **values: Any
    ) -> None:
        start = pendulum.from_format(ds, "YYYY-MM-DD", tz="UTC")
        run_id = run_id or f"manual__{start.isoformat()}"
        self.xcoms: dict[str | tuple[str, int], dict[str, Any]] = {}  # by task id; of a mapped task by (id, map index)
        self.task_state_stores: dict[str | tuple[str, int], TaskStateStore] = {}
        self.tries: dict[str | tuple[str, int], int] = {}
        super().__init__(
            {
                **template_accessors(),
                "ds": ds,
                "ds_nodash": ds.replace("-", ""),
                "ts": start.isoformat(),
                "ts_nodash": start.format("YYYYMMDD[T]HHmmss"),
                "logical_date": start,
                "data_interval_start": start,
                "data_interval_end": start.add(days=1),
                "run_id": run_id,
                "dag_run": SimpleNamespace(
                    run_id=run_id, conf=params or {}, logical_date=start, run_after=start, clear_number=0
                ),
                **values,
            }
        )


class RunTaskInstance:
    """
    The part of Airflow's task instance that operators use; its XComs are in the :class:`RunContext`.

    :param task: the operator.
    :param context: of the run.
    :param map_index: of a mapped task, or -1.
    """

    def __init__(self, task: Any, context: RunContext, map_index: int = -1) -> None:
        self.task, self.task_id, self.map_index = task, task.task_id, map_index
        self.dag_id = task.dag_id
        self.run_id = context["run_id"]
        self.key = _key(self.task_id, map_index)
        self.id = str(uuid.uuid4())
        self.try_number = context.tries[self.key] = context.tries.get(self.key, 0) + 1
        self.max_tries = getattr(task, "retries", None) or 0
        self.start_date = pendulum.now("UTC")
        self.first_reschedule: pendulum.DateTime | None = None
        self._xcoms = context.xcoms

    def xcom_push(self, key: str, value: Any) -> None:
        """Push an XCom."""
        self._xcoms.setdefault(self.key, {})[key] = value

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        key: str = RETURN_VALUE,
        *,
        map_indexes: Any = None,
        default: Any = None,
        **_: Any,
    ) -> Any:
        """Pull an XCom of a task of this run, or a list of them for a list of tasks."""
        if task_ids is not None and not isinstance(task_ids, str):
            return [self.xcom_pull(task_id, key, map_indexes=map_indexes, default=default) for task_id in task_ids]
        index = map_indexes if isinstance(map_indexes, int) else -1
        return self._xcoms.get(_key(task_ids or self.task_id, index), {}).get(key, default)

    def get_relevant_upstream_map_indexes(self, **_: Any) -> int | None:
        """Return the map index of the task before this one, in the same mapped task group."""
        return self.map_index if self.map_index >= 0 else None

    def get_first_reschedule_date(self, context: Any) -> Any:
        """Return when a sensor in ``reschedule`` mode began."""
        return self.first_reschedule


def run(
    operator: Any, *, context: RunContext | None = None, map_index: int = -1, timeout: float = 60.0, **values: Any
) -> Any:
    """
    Run one task to its end, and return its result; what Airflow's task would raise is raised.

    The task is a copy, as in Airflow: its templates are rendered, it executes, its trigger runs until its event, and
    another copy resumes. It polls about every 0.05 seconds, whatever ``poll_interval`` says. It neither retries nor
    calls callbacks; for the next try, call it again with the same context. ::

        with pytest.raises(LemonDataFailException, match="unsafe content"):
            run(dag.get_task("clip"), params={"prompt": "A cat. [fail:unsafe content]"})

    :param operator: an operator, or what a ``@task`` function returns in a DAG file.
    :param context: of the run, if several tasks share one; default: a new one.
    :param map_index: which of a mapped task's instances runs; also for a task in a mapped task group.
    :param timeout: how long one wait of a trigger may last, in seconds.
    :param values: of a new context: ``params``, ``ds``, ``run_id`` and more, see :class:`RunContext`.
    :raises TimeoutError: the trigger sent no event in time.
    """
    if context is not None and values:
        raise TypeError(f"Pass {', '.join(values)} to the RunContext, not to run().")
    context = RunContext(**values) if context is None else context
    if isinstance(operator, XComArg):
        operator = operator.operator  # type: ignore[attr-defined] # of a plain one, as each task function returns it
    if operator.is_mapped and map_index < 0:
        raise TypeError(f"{operator.task_id} is a mapped task: pass map_index=0 to run its first instance.")
    ti = RunTaskInstance(operator, context, map_index)
    context.xcoms.pop(ti.key, None)  # Airflow deletes those of the try before
    resume: tuple[str, dict[str, Any]] | None = None
    while True:
        task, task_context = _prepare(operator, context, ti)
        try:
            with running_task(task, task_context):
                result = task.resume_execution(*resume, task_context) if resume else task.execute(task_context)
        except TaskDeferred as deferral:
            event = asyncio.run(_event(deferral.trigger, ti.task_id, timeout))
            resume = deferral.method_name, {**(deferral.kwargs or {}), "event": event}
        except AirflowRescheduleException:
            ti.first_reschedule = ti.first_reschedule or ti.start_date
            time.sleep(POLL_SECONDS)
        else:
            _push_result(task, ti, result)
            return result


def _key(task_id: str, map_index: int) -> str | tuple[str, int]:
    return task_id if map_index < 0 else (task_id, map_index)


def _prepare(operator: Any, context: RunContext, ti: RunTaskInstance) -> tuple[Any, dict[str, Any]]:
    """Return a rendered copy of an operator, and its context."""
    task, dag = copy_for_run(operator)
    params = merge_params(dag, task, context["dag_run"].conf)
    task_context = {**context, "dag": dag, "task": task, "ti": ti, "task_instance": ti, "params": params}
    task_context |= {"inlets": operator.inlets, "outlets": operator.outlets}
    if has_task_state_store():
        task_context["task_state_store"] = context.task_state_stores.setdefault(ti.key, TaskStateStore())
    task.render_template_fields(task_context)
    task = task_context["task"]  # rendering expands a mapped task
    _adapt(task, ti)
    return task, task_context


def _sleep_briefly(seconds: float) -> None:
    time.sleep(min(seconds, POLL_SECONDS))


def _adapt(task: Any, ti: RunTaskInstance) -> None:
    """Let a task poll and retry fast, remember prices in memory only, and push its entry of the page of videos."""
    for name in ("poll_interval", "poke_interval"):
        if isinstance(seconds := getattr(task, name, None), (int, float)):
            setattr(task, name, min(seconds, POLL_SECONDS))
    if getattr(task, "sleep", None) is time.sleep:  # a user's own stays, and what another package calls so
        task.sleep = _sleep_briefly
    if getattr(task, "new_downloader", None) is Downloader:
        task.new_downloader = partial(Downloader, sleep=_sleep_briefly)
    if isinstance(task, LemonDataMixin):
        task.hook.price_cache = PriceCache(Path(os.devnull))  # type: ignore[misc] # of this task alone
    if isinstance(task, EntryMixin):
        task.write_entry = lambda _, entry: ti.xcom_push(ENTRY_KEY, entry.to_json())


async def _event(trigger: Any, task_id: str, timeout: float) -> Any:
    """Return the payload of a trigger's first event, from a trigger that is made of its stored arguments."""
    path, arguments = trigger.serialize()
    events = resolve_name(path)(**arguments).run()
    try:
        return (await asyncio.wait_for(anext(events), timeout)).payload
    except StopAsyncIteration:
        raise TaskDeferralError(f"The trigger of {task_id} ended without an event.") from None
    except asyncio.TimeoutError:
        raise TimeoutError(f"The trigger of {task_id} sent no event within {timeout:g} s.") from None
    finally:
        await events.aclose()


def _push_result(task: Any, ti: RunTaskInstance, result: Any) -> None:
    if result is None or not task.do_xcom_push:
        return
    if getattr(task, "multiple_outputs", False):
        for key, value in result.items():
            ti.xcom_push(key, value)
    ti.xcom_push(RETURN_VALUE, result)
