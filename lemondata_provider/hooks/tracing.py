"""OpenTelemetry spans, if Airflow's tracing is on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def span(name: str, tracer: Any = None, **attributes: str | None) -> AbstractContextManager[Any]:
    """
    Return a span inside Airflow's own span for the task or the trigger.

    :param name: name of the span.
    :param tracer: default: the tracer that Airflow set up for this process.
    :param attributes: each one but ``None`` becomes an attribute ``lemondata.<name>``.
    """
    from opentelemetry import trace  # noqa: PLC0415 # slows down every DAG file that imports an operator

    named = {f"lemondata.{name}": value for name, value in attributes.items() if value is not None}
    new_span = (tracer or trace.get_tracer("lemondata_provider")).start_span(name, attributes=named)
    # A span that records nothing does not become current: ten thousand waits would hold as many contexts.
    return trace.use_span(new_span, end_on_exit=True) if new_span.is_recording() else nullcontext(new_span)
