"""What a DAG will submit, as far as its operators tell it before they run."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput, MappedArgument
from airflow.sdk.definitions.mappedoperator import MappedOperator

from lemondata_provider.api.prices import FROM_SOURCE, NO_DURATION, Seconds
from lemondata_provider.cli.plan import AT_RUN_TIME, Clip, Submits
from lemondata_provider.operators.video import SubmitVideoOperator

FIELDS = ("model", "duration", "video_url", "audio_url", "lemondata_conn_id", "wait_for_completion", "poll_interval")
LATER = object()  # a value that is known at run time only


def submits_of(tasks: Iterable[Any]) -> list[Submits]:
    """Return what these tasks will submit in a run; those of other operators submit nothing."""
    return [_submits(task) for task in tasks if _is_submit(task)]


def _is_submit(task: Any) -> bool:
    kind = task.operator_class if isinstance(task, MappedOperator) else type(task)
    return isinstance(kind, type) and issubclass(kind, SubmitVideoOperator)


def _submits(task: Any) -> Submits:
    group = task.get_closest_mapped_task_group()
    expansions = [group._expand_input] if group else []
    expansions += [task.expand_input] if isinstance(task, MappedOperator) else []
    known = [_expanded(expansion) for expansion in expansions]
    fields = _fields(task)
    if any(one is None for one in known):
        variants = [{**fields, **{name: LATER for expansion in expansions[-1:] for name in _names(task, expansion)}}]
    else:
        combined = itertools.product(*(one for one in known if one is not None))
        variants = [_with(fields, dict(itertools.chain(*(one.items() for one in several)))) for several in combined]
    first = variants[0] if variants else fields
    interval = first["poll_interval"]
    waits = first["wait_for_completion"] is True and isinstance(interval, (int, float))
    return Submits(
        task_id=task.task_id,
        conn_id=conn_id if isinstance(conn_id := first["lemondata_conn_id"], str) and _is_literal(conn_id) else None,
        clips=tuple(_clip(variant) for variant in variants),
        number_unknown=f"how many is {AT_RUN_TIME}" if any(one is None for one in known) else "",
        poll_interval=float(interval) if waits else None,
    )


def _fields(task: Any) -> dict[str, Any]:
    if not isinstance(task, MappedOperator):
        return {name: getattr(task, name) for name in FIELDS}
    parameters = inspect.signature(task.operator_class.__init__).parameters
    defaults = {name: parameters[name].default for name in FIELDS if name in parameters}
    return {**defaults, **{name: value for name, value in task.partial_kwargs.items() if name in FIELDS}}


def _expanded(expansion: Any) -> list[dict[str, Any]] | None:
    """Return the arguments of each task instance of a mapping, or nothing where they are known at run time only."""
    value = expansion.value
    if isinstance(expansion, DictOfListsExpandInput):
        if not all(isinstance(items, (list, tuple, dict)) for items in value.values()):
            return None
        choices = [list(items.items()) if isinstance(items, dict) else items for items in value.values()]
        return [dict(zip(value, chosen, strict=True)) for chosen in itertools.product(*choices)]
    literal = isinstance(value, (list, tuple)) and all(isinstance(item, Mapping) for item in value)
    return [dict(item) for item in value] if literal else None


def _names(task: Any, expansion: Any) -> Iterable[str]:
    """Return which arguments of a task a mapping gives that is not known yet; what a group gives stands in them."""
    if not isinstance(task, MappedOperator):
        return ()
    return expansion.value if isinstance(expansion, DictOfListsExpandInput) else FIELDS[:4]


def _with(fields: dict[str, Any], mapped: dict[str, Any]) -> dict[str, Any]:
    """Put the values of a mapping into the arguments: a task's own by name, a group's where they are referred to."""
    given = {**fields, **{name: value for name, value in mapped.items() if name in fields}}
    return {
        name: mapped.get(value._key, LATER) if isinstance(value, MappedArgument) else value
        for name, value in given.items()
    }


def _clip(fields: Mapping[str, Any]) -> Clip:
    model = fields["model"]
    return Clip(model if isinstance(model, str) and _is_literal(model) else None, _seconds(fields))


def _seconds(fields: Mapping[str, Any]) -> Seconds:
    if fields["video_url"] is not None or fields["audio_url"] is not None:
        return FROM_SOURCE
    duration = fields["duration"]
    if duration is None:
        return NO_DURATION
    try:
        return int(duration) if _is_literal(duration) else f"the length is {AT_RUN_TIME}"
    except ValueError:
        return f"{duration!r} is no length"


def _is_literal(value: Any) -> bool:
    """Say whether a value is the same at run time: what holds a template or comes from another task is not."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    return isinstance(value, (int, float))
