from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lemondata_provider.hooks.tracing import span


def test_span_with_block_ends_with_its_attributes() -> None:
    exported = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    with span("lemondata.wait", provider.get_tracer("test"), task_id="t", model=None):
        assert exported.get_finished_spans() == ()
    (finished,) = exported.get_finished_spans()
    assert (finished.name, dict(finished.attributes or {})) == ("lemondata.wait", {"lemondata.task_id": "t"})


def test_span_without_tracing_records_nothing() -> None:
    with span("lemondata.submit", model="sora-2") as unrecorded:
        assert not unrecorded.is_recording()
