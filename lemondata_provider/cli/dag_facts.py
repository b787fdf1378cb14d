"""The submits of a DAG, as far as its operators show them before they run."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lemondata_provider.api.fields import parse_whole, read_price
from lemondata_provider.api.prices import FROM_SOURCE, NO_DURATION, Seconds
from lemondata_provider.catalog.values import wrong_values
from lemondata_provider.cli.plan import AT_RUN_TIME, Clip, Submits
from lemondata_provider.hooks.arguments import is_literal
from lemondata_provider.hooks.version_compat import expansion_types, map_key, task_group_expansion
from lemondata_provider.operators.validation import catalog
from lemondata_provider.operators.video import SubmitVideoOperator

FIELDS = (
    *("model", "duration", "video_url", "audio_url", "lemondata_conn_id", "wait_for_completion", "poll_interval"),
    *("max_cost_usd", "validation"),
)
SOURCES = ("video_url", "audio_url")  # a video that is made from one of them is as long as it
MappedOperator, DictOfListsExpandInput, MappedArgument = expansion_types()
PARAM = re.compile(r"\{\{\s*params\.(\w+)\s*\}\}")
LATER = object()  # a value that is known at run time only


def submits_of(tasks: Iterable[Any]) -> list[Submits]:
    """Return what these tasks will submit in a run, by connection; those of other operators submit nothing."""
    return [found for task in tasks if _is_submit(task) for found in _submits(task)]


def _is_submit(task: Any) -> bool:
    kind = task.operator_class if isinstance(task, MappedOperator) else type(task)
    return isinstance(kind, type) and issubclass(kind, SubmitVideoOperator)


def _submits(task: Any) -> list[Submits]:
    group = task.get_closest_mapped_task_group()
    expansions = [task_group_expansion(group)] if group else []
    known = [_expanded(expansion) for expansion in expansions]
    if isinstance(task, MappedOperator):
        own = getattr(task, "op_kwargs_expand_input", None)  # of a decorated task: arguments of its function, no fields
        expansions.append(own or task.expand_input)
        rows = _expanded(expansions[-1])
        known.append([{} for _ in rows] if own and rows is not None else rows)
    fields = {name: _default_of_param(value, task) for name, value in _fields(task).items()}
    if any(one is None for one in known):
        variants = [{**fields, **_unknown(task, expansions[-1])}]
    else:
        combined = itertools.product(*(one for one in known if one is not None))
        variants = [_with(fields, dict(itertools.chain(*(one.items() for one in several)))) for several in combined]
    clips: dict[tuple[str | None, float | None], list[Clip]] = {} if variants else {_where(fields): []}
    for variant in variants:
        clips.setdefault(_where(variant), []).append(_clip(variant))
    number_unknown = f"how many is {AT_RUN_TIME}" if any(one is None for one in known) else ""
    return [
        Submits(task.task_id, conn_id, tuple(ours), number_unknown, interval)
        for (conn_id, interval), ours in clips.items()
    ]


def _where(fields: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """Return the connection, and the seconds between two polls where the task waits; nothing of what is unknown."""
    conn_id, interval = fields["lemondata_conn_id"], fields["poll_interval"]
    waits = fields["wait_for_completion"] is True and isinstance(interval, (int, float))
    return (
        conn_id if isinstance(conn_id, str) and is_literal(conn_id) else None,
        float(interval) if waits else None,
    )


def _fields(task: Any) -> dict[str, Any]:
    if not isinstance(task, MappedOperator):
        values = {name: getattr(task.guards if name == "max_cost_usd" else task, name) for name in FIELDS}
        returned = getattr(task, "returned_fields", ())  # of a decorated task: what its function may still give
        return {name: LATER if value is None and name in returned else value for name, value in values.items()}
    given = {**_default_args(task), **task.partial_kwargs}
    init = task.operator_class.__init__
    parameters = inspect.signature(SubmitVideoOperator.__init__).parameters
    defaults = {name: parameters[name].default for name in FIELDS}  # that of model is no text: it must be given
    if init is not SubmitVideoOperator.__init__:  # what it passes on where nothing is given is up to its code
        own = {*task.partial_kwargs, *inspect.signature(init).parameters}
        given = {name: value for name, value in given.items() if name in own}
        defaults = dict.fromkeys(FIELDS, LATER)
    return {**defaults, **{name: value for name, value in given.items() if name in FIELDS}}


def _default_of_param(value: Any, task: Any) -> Any:
    """Return the default of the DAG's Param that a template names; any other value as it is."""
    name = PARAM.fullmatch(value) if isinstance(value, str) else None
    return task.dag.params.get(name[1], value) if name and task.dag else value


def _default_args(task: Any) -> dict[str, Any]:
    """Return what Airflow fills in when it makes a task of a mapped one: a group's goes before its DAG's."""
    defaults = (getattr(holder, "default_args", None) for holder in (task.dag, task.task_group))
    return {name: value for one in defaults for name, value in (one or {}).items()}


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


def _unknown(task: Any, expansion: Any) -> dict[str, Any]:
    """Return the arguments that a mapping gives which is not known yet; what a group gives stands in them."""
    if not isinstance(task, MappedOperator) or hasattr(task, "op_kwargs_expand_input"):
        return {}
    if not isinstance(expansion, DictOfListsExpandInput):
        return dict.fromkeys(FIELDS, LATER)
    return {name: value if name in SOURCES else LATER for name, value in expansion.value.items()}


def _with(fields: dict[str, Any], mapped: dict[str, Any]) -> dict[str, Any]:
    """Put the values of a mapping into the arguments: a task's own by name, a group's where they are referred to."""
    given = {**fields, **{name: value for name, value in mapped.items() if name in fields}}
    return {
        name: mapped.get(map_key(value), LATER) if isinstance(value, MappedArgument) else value
        for name, value in given.items()
    }


def _clip(fields: Mapping[str, Any]) -> Clip:
    model = fields["model"]
    known = model if isinstance(model, str) and is_literal(model) else None
    hint = _unknown_model(known) if known and fields["validation"] != "off" else ""
    return Clip(known, _seconds(fields), _refusal(fields), hint, read_price(fields["max_cost_usd"]))


def _refusal(fields: Mapping[str, Any]) -> str:
    """Return why the operator refuses the length; a range is for the strict check only."""
    duration = fields["duration"]
    if duration is None or not is_literal(duration):
        return ""
    try:
        parse_whole(duration)
    except ValueError as error:
        return f"duration {error}, not {duration!r}"
    if fields["validation"] != "strict":
        return ""
    return " ".join(wrong_values({"duration": duration})).removesuffix(".")


def _unknown_model(model: str) -> str:
    models = catalog()
    if models.find(model):
        return ""
    nearest = models.nearest(model)
    return f"{model} is not known here{f': did you mean {nearest!r}?' if nearest else ''}"


def _seconds(fields: Mapping[str, Any]) -> Seconds:
    sources, duration = [fields[name] for name in SOURCES], fields["duration"]
    if any(source is not None and source is not LATER for source in sources):
        return FROM_SOURCE
    if LATER in sources or not is_literal(duration):
        return f"the length is {AT_RUN_TIME}"
    return NO_DURATION if duration is None else _whole(duration)


def _whole(duration: Any) -> Seconds:
    try:
        seconds = parse_whole(duration)
    except ValueError:
        seconds = 0
    return seconds if seconds > 0 else f"{duration!r} is no length"
