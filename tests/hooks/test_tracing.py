from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lemondata_provider.hooks.tracing import span


def test_a_span_has_what_is_known_and_ends_with_its_block():
    exported = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    with span("lemondata.wait", provider.get_tracer("test"), task_id="t", model=None):
        assert exported.get_finished_spans() == ()
    (finished,) = exported.get_finished_spans()
    assert (finished.name, dict(finished.attributes)) == ("lemondata.wait", {"lemondata.task_id": "t"})


def test_without_tracing_it_costs_nothing_and_records_nothing():
    with span("lemondata.submit", model="sora-2") as made:
        assert not made.is_recording()
