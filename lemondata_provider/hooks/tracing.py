"""OpenTelemetry spans, where Airflow's tracing is on; otherwise they are free."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def span(name: str, tracer: Any = None, **attributes: str | None) -> AbstractContextManager[Any]:
    """
    Return a span inside of Airflow's own for the task or the trigger.

    :param name: its name.
    :param tracer: who makes it; default: the one that Airflow set up for this process.
    :param attributes: what is known; each becomes an attribute ``lemondata.<name>``.
    """
    from opentelemetry import trace  # noqa: PLC0415 # every DAG file that imports an operator would pay for it

    known = {f"lemondata.{name}": value for name, value in attributes.items() if value is not None}
    made = (tracer or trace.get_tracer("lemondata_provider")).start_span(name, attributes=known)
    # What records nothing need not be current: ten thousand waits would hold as many contexts.
    return trace.use_span(made, end_on_exit=True) if made.is_recording() else nullcontext(made)
