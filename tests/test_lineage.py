"""What OpenLineage gets: names without secrets, and only files that this process stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias

from lemondata_provider.api.redaction import shield
from lemondata_provider.hooks.exceptions import LemonDataFailException
from lemondata_provider.hooks.mixin import LemonDataMixin
from lemondata_provider.lineage import FACET, FACTS, LineageMixin, OpenLineage, dataset_name, load_openlineage
from lemondata_provider.operators.video import SubmitVideoOperator
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator

VIDEO = "https://cdn.example/v.mp4"
STORED = {
    "task_id": "t1",
    "model": "m1",
    "operation": "text-to-video",
    "estimated_cost_usd": "0.60",
    "skipped": False,
    "video_url": VIDEO,
    "outputs": [{"uri": "s3://clips/2026/clip.mp4"}, {"uri": "s3://clips/2026/clip-2.mp4"}],
}
TWO_FILES = [("s3://clips", "2026/clip.mp4"), ("s3://clips", "2026/clip-2.mp4")]


@dataclass
class Lineage:
    """Stand for ``OperatorLineage``, with datasets as pairs."""

    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    run_facets: dict[str, Any] = field(default_factory=dict)


FAKES = OpenLineage(Lineage, lambda namespace, name: (namespace, name), dict)


class Operator(LineageMixin, LemonDataMixin):
    """An operator with what a test gives it."""

    load_openlineage = staticmethod(lambda: FAKES)

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


# --- names


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///data/clip.mp4", ("file", "/data/clip.mp4")),
        ("/data/clip.mp4", ("file", "/data/clip.mp4")),
        ("s3://clips/2026/clip.mp4", ("s3://clips", "2026/clip.mp4")),
        ("s3://aws_default@clips/clip.mp4", ("s3://clips", "clip.mp4")),
        ("s3://clips/a?b#c.mp4", ("s3://clips", "a?b#c.mp4")),
        ("s3://clips", ("s3://clips", "/")),
        ("gs://clips/clip.mp4", ("gs://clips", "clip.mp4")),
        ("abfs://clips/clip.mp4", ("abfs://clips", "clip.mp4")),
        ("https://cdn.example/a/v.mp4?signature=secret#x", ("https://cdn.example", "/a/v.mp4")),
        ("https://me:pass@cdn.example:8443/v.mp4", ("https://cdn.example:8443", "/v.mp4")),
        ("asset://asset-1", ("asset://asset-1", "/")),
        ("data:image/png;base64,AAAA", None),
        (shield("data:image/png;base64,AAAA"), None),
        ("{{ params.url }}", None),
        ("https://[", None),
        ("file:///", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_dataset_name_of_each_uri_has_no_secret(uri: Any, name: Any) -> None:
    assert dataset_name(uri) == name


@pytest.mark.parametrize(
    ("uri", "module"),
    [
        ("file:///data/clip.mp4", "airflow.providers.common.io.assets.file"),
        ("s3://clips/2026/clip.mp4", "airflow.providers.amazon.aws.assets.s3"),
    ],
)
def test_dataset_name_is_that_of_airflows_own_asset_converter(uri: str, module: str, monkeypatch: Any) -> None:
    facets = pytest.importorskip("airflow.providers.common.compat.openlineage.facet")  # of every supported Airflow
    monkeypatch.setattr(facets, "Dataset", FAKES.dataset)
    assert pytest.importorskip(module).convert_asset_to_openlineage(Asset(uri), None) == dataset_name(uri)


# --- inputs


def test_start_names_each_input_once_and_inline_media_never() -> None:
    operator = Operator(
        model="m1",
        operation="image-to-video",
        image_url="https://a.example/1.png?signature=secret",
        image=shield("data:image/png;base64,AAAA"),
        image_urls=["https://a.example/1.png", "https://a.example/2.png"],
        video_urls="{{ params.urls }}",
        audio_url="s3://aws@sounds/a.mp3",
        kling_elements=[{"element_input_urls": ["https://a.example/3.png"]}, {"name": "cat"}, "text"],
        inlets=[Asset("s3://clips/in.mp4"), AssetAlias("later")],
        outlets=[Asset("s3://clips/all")],
    )
    lineage = operator.get_openlineage_facets_on_start()
    assert lineage.inputs == [
        ("https://a.example", "/1.png"),
        ("https://a.example", "/2.png"),
        ("s3://sounds", "a.mp3"),
        ("https://a.example", "/3.png"),
        ("s3://clips", "in.mp4"),
    ]
    assert lineage.outputs == []
    assert lineage.run_facets == {FACET: {**dict.fromkeys(FACTS), "model": "m1", "operation": "image-to-video"}}


@pytest.mark.parametrize(
    ("operator", "at_start"),
    [
        (Operator(poll_url={"video_url": VIDEO}), [("https://cdn.example", "/v.mp4")]),
        (Operator(poll_url="/v1/tasks/t1"), []),
        (Operator(poll_url=None, video_url=f"{VIDEO}?signature=secret"), [("https://cdn.example", "/v.mp4")]),
    ],
    ids=["result", "poll URL", "link"],
)
def test_input_of_a_transfer_is_the_video(operator: Operator, at_start: list[Any]) -> None:
    assert operator.get_openlineage_facets_on_start().inputs == at_start
    operator.remember_result(STORED)
    assert operator.get_openlineage_facets_on_complete(None).inputs == [("https://cdn.example", "/v.mp4")]


def test_facet_of_a_transfer_knows_the_task_before_it_begins() -> None:
    operator = Operator(poll_url={"model": "m1", "task_id": "t1", "estimated_cost_usd": "0.60"}, task_id="keep")
    facet = operator.get_openlineage_facets_on_start().run_facets[FACET]
    assert facet == {**dict.fromkeys(FACTS), "model": "m1", "task_id": "t1", "estimated_cost_usd": "0.60"}


# --- outputs


def test_complete_with_stored_files_names_files_outlets_and_facts() -> None:
    operator = Operator(outlets=[Asset("s3://clips/all"), AssetAlias("later")])
    assert operator.remember_result(STORED) is STORED
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert lineage.outputs == [*TWO_FILES, ("s3://clips", "all")]
    assert lineage.run_facets[FACET] == {name: STORED[name] for name in FACTS}


@pytest.mark.parametrize(
    "result", [None, {**STORED, "skipped": True}, {**STORED, "outputs": []}, {**STORED, "outputs": None}]
)
def test_complete_without_a_file_of_this_process_claims_no_output(result: Any) -> None:
    operator = Operator()
    if result:
        operator.remember_result(result)
    assert operator.get_openlineage_facets_on_complete(None).outputs == []


def test_start_of_a_resumed_operator_claims_no_output() -> None:
    operator = Operator()
    operator.remember_result(STORED)
    assert operator.get_openlineage_facets_on_start().outputs == []


def test_failure_before_the_file_claims_neither_output_nor_outlet() -> None:
    operator = Operator(outlets=[Asset("s3://clips/all")], image_url=VIDEO)
    lineage = operator.get_openlineage_facets_on_failure(None)
    assert (lineage.inputs, lineage.outputs) == ([("https://cdn.example", "/v.mp4")], [])


def test_failure_after_the_file_names_it_since_it_is_there() -> None:
    operator = Operator(outlets=[Asset("s3://clips/all")])
    operator.remember_result(STORED)
    assert operator.get_openlineage_facets_on_failure(None).outputs == TWO_FILES


# --- operators


@pytest.fixture
def transfer(sandbox: Any, context: Any, tmp_path: Any) -> VideoToObjectStorageOperator:
    """Return a transfer of a finished video."""
    submit = SubmitVideoOperator(
        task_id="clip",
        model="veo3.1-fast",
        prompt="a cat",
        wait_for_completion=True,
        deferrable=False,
        poll_interval=0.1,
    )
    clip = submit.execute(context)
    operator = VideoToObjectStorageOperator(task_id="keep", poll_url=clip, path=f"{tmp_path}/clip.mp4")
    operator.load_openlineage = lambda: FAKES
    return operator


def test_transfer_names_the_file_that_it_stored_and_none_that_was_there(transfer: Any, context: Any) -> None:
    transfer.execute(context)
    lineage = transfer.get_openlineage_facets_on_complete(context["ti"])
    assert lineage.outputs == [("file", transfer.path)]
    assert lineage.run_facets[FACET]["model"] == "veo3.1-fast"
    transfer.execute(context)
    assert transfer.get_openlineage_facets_on_complete(context["ti"]).outputs == []


def test_transfer_that_failed_names_no_file(transfer: Any, context: Any, tmp_path: Any) -> None:
    (tmp_path / "clip.mp4").mkdir()
    with pytest.raises(LemonDataFailException):
        transfer.execute(context)
    lineage = transfer.get_openlineage_facets_on_failure(context["ti"])
    assert (len(lineage.inputs), lineage.outputs) == (1, [])


@pytest.mark.parametrize("method", ["start", "complete", "failure"])
def test_methods_without_openlineage_return_nothing(method: str) -> None:
    operator = Operator(load_openlineage=lambda: None)
    arguments = [] if method == "start" else [SimpleNamespace()]
    assert getattr(operator, f"get_openlineage_facets_on_{method}")(*arguments) is None


def test_load_openlineage_not_installed_is_none() -> None:
    try:
        import airflow.providers.openlineage.extractors  # noqa: F401, PLC0415 # whether it is there
    except ImportError:
        assert load_openlineage() is None
    else:
        assert load_openlineage() is not None
