"""The links of a task instance: what they lead to, and that none is signed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import DAG, Connection

from lemondata_provider.api.signed_links import unsigned
from lemondata_provider.get_provider_info import get_provider_info
from lemondata_provider.links import (
    EXTRA_LINKS,
    TASK_LINKS,
    DashboardLink,
    FileLink,
    ModelLink,
    VideoLink,
    file_page,
)
from lemondata_provider.sensors.task import TaskSensor
from lemondata_provider.transfers.video_to_object_storage import VideoToObjectStorageOperator

VIDEO = "https://cdn.example/v.mp4"
SIGNED = "https://cdn.example/v.mp4?expires=1&signature=secret"
TI = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=3)


def no_connection(conn_id: str) -> Any:
    raise RuntimeError(f"secret backend of {conn_id} is down")


def connecting(**fields: Any) -> Any:
    """Return a lookup that finds a connection with these fields."""
    return lambda conn_id: Connection(conn_id=conn_id, conn_type="any", **fields)


def link_of(kind: Any, operator: Any = None, result: Any = None, get_connection: Any = None) -> str:
    operator = operator or SimpleNamespace()
    operator.last_result = result
    link: str = kind(get_connection or no_connection).get_link(operator, ti_key=TI)
    return link


# --- the video


def test_video_link_finished_task_is_its_url() -> None:
    assert link_of(VideoLink, result={"video_url": VIDEO}) == VIDEO


@pytest.mark.parametrize("result", [None, {}, {"video_url": None}])
def test_video_link_before_the_end_is_empty(result: Any) -> None:
    assert link_of(VideoLink, result=result) == ""


@pytest.mark.parametrize(
    "url",
    [
        SIGNED,
        "https://user:pass@cdn.example/v.mp4",
        "data:video/mp4;base64,AAAA",
        "s3://b/v.mp4",
        "https://[",
        "",
        None,
        7,
    ],
)
def test_unsigned_link_that_is_secret_or_no_web_page_is_empty(url: Any) -> None:
    assert unsigned(url) == ""
    assert link_of(VideoLink, result={"video_url": url}) == ""


def test_video_link_ignores_the_source_video_of_the_operator() -> None:
    assert link_of(VideoLink, SimpleNamespace(video_url=VIDEO)) == ""


# --- the file


@pytest.mark.parametrize(
    ("uri", "path", "page"),
    [
        ("file:///data/clip 1.mp4", "/data/clip 1.mp4", "file:///data/clip 1.mp4"),
        (
            "s3://clips/2026 11/a&b.mp4",
            "s3://clips/2026 11/a&b.mp4",
            "https://s3.console.aws.amazon.com/s3/object/clips?prefix=2026%2011%2Fa%26b.mp4",
        ),
        (
            "s3://clips/a.mp4",
            "s3://aws@clips/a.mp4",
            "https://s3.console.aws.amazon.com/s3/object/clips?prefix=a.mp4",
        ),
        (
            "gs://clips/2026/a?b.mp4",
            "gs://google@clips/",
            "https://console.cloud.google.com/storage/browser/_details/clips/2026/a%3Fb.mp4",
        ),
        ("abfs://clips/a.mp4", "abfs://azure@clips/a.mp4", ""),
        ("s3://clips", "s3://clips", ""),
    ],
)
def test_file_page_of_each_storage(uri: str, path: str, page: str) -> None:
    assert file_page(uri, path, connecting()) == page


@pytest.mark.parametrize(
    "extra",
    [
        {"endpoint_url": "http://minio:9000"},
        {"service_config": {"s3": {"endpoint_url": "http://minio:9000"}}},
        {"region_name": "cn-north-1"},
        {"region_name": "us-gov-west-1"},
    ],
)
def test_file_page_of_another_storage_than_the_console_shows_is_empty(extra: dict[str, Any]) -> None:
    assert file_page("s3://clips/a.mp4", "s3://minio@clips/a.mp4", connecting(extra=extra)) == ""


@pytest.mark.parametrize(
    ("name", "uri"), [("AWS_ENDPOINT_URL_S3", "s3://clips/a.mp4"), ("STORAGE_EMULATOR_HOST", "gs://clips/a.mp4")]
)
def test_file_page_with_an_endpoint_in_the_environment_is_empty(name: str, uri: str, monkeypatch: Any) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9000")
    assert file_page(uri, uri, connecting()) == ""


def test_file_page_connection_that_cannot_be_looked_up_is_empty() -> None:
    assert file_page("s3://clips/a.mp4", "s3://aws@clips/a.mp4", no_connection) == ""


def test_file_link_takes_the_connection_of_the_path() -> None:
    minio = connecting(extra={"endpoint_url": "http://minio:9000"})
    result = {"output_uri": "s3://clips/a.mp4", "output_path": "s3://minio@clips/a.mp4"}
    assert link_of(FileLink, result=result, get_connection=minio) == ""
    assert link_of(FileLink, result={"output_uri": "file:///data/a.mp4"}) == "file:///data/a.mp4"


def test_file_link_without_a_file_is_empty() -> None:
    assert link_of(FileLink, result={"output_uri": None}) == ""


# --- LemonData


@pytest.mark.parametrize(
    ("host", "dashboard", "model"),
    [
        (None, "https://tokenlab.sh/dashboard", "https://api.tokenlab.sh/v1/models/veo3.1"),
        (
            "https://api.lemondata.cc/v1",
            "https://lemondata.cc/dashboard",
            "https://api.lemondata.cc/v1/models/veo3.1",
        ),
        ("http://127.0.0.1:8089", "", ""),
        ("https://gateway.example/lemon", "", ""),
    ],
)
def test_dashboard_and_model_links_follow_the_host_of_the_connection(
    host: str | None, dashboard: str, model: str
) -> None:
    operator = SimpleNamespace(lemondata_conn_id="lemon", model="veo3.1")
    connection = connecting(host=host, password="sk-1")
    assert link_of(DashboardLink, operator, get_connection=connection) == dashboard
    assert link_of(ModelLink, operator, get_connection=connection) == model


def test_dashboard_and_model_links_without_a_connection_are_empty() -> None:
    operator = SimpleNamespace(lemondata_conn_id="lemon", model="veo3.1")
    assert link_of(DashboardLink, operator) == link_of(ModelLink, operator) == ""


@pytest.mark.parametrize("model", ["{{ params.model }}", "a/../b", "veo 3", "", None])
def test_model_link_of_what_is_no_name_of_a_model_is_empty(model: Any) -> None:
    operator = SimpleNamespace(lemondata_conn_id="lemon", model=model)
    assert link_of(ModelLink, operator, get_connection=connecting(password="sk-1")) == ""


def test_model_link_of_a_sensor_is_the_model_of_the_result_it_waits_for() -> None:
    operator = SimpleNamespace(lemondata_conn_id="lemon", poll_url={"model": "veo3.1", "poll_url": "/v1/tasks/t1"})
    assert link_of(ModelLink, operator, get_connection=connecting(password="sk-1")).endswith("/v1/models/veo3.1")


def test_dashboard_and_model_links_look_the_connection_up_once() -> None:
    looked_up = []

    def get_connection(conn_id: str) -> Any:
        looked_up.append(conn_id)
        return Connection(conn_id=conn_id, conn_type="lemondata", password="sk-1")

    operator = SimpleNamespace(lemondata_conn_id="lemon", model="veo3.1")
    assert link_of(DashboardLink, operator, get_connection=get_connection)
    assert link_of(ModelLink, operator, get_connection=get_connection)
    assert looked_up == ["lemon"]


# --- Airflow


def serialized_links(dag: DAG) -> dict[str, dict[str, str]]:
    objects = pytest.importorskip("airflow.serialization.serialized_objects")  # of every supported Airflow
    serialization = getattr(objects, "DagSerialization", None) or objects.SerializedDAG
    restored = serialization.from_dict(serialization.to_dict(dag))
    return {
        task.task_id: {link.name: link.xcom_key for link in task.operator_extra_link_dict.values()}
        for task in restored.tasks
    }


def test_links_of_plain_and_mapped_tasks_survive_serialization() -> None:
    with DAG("links") as dag:
        TaskSensor(task_id="wait", poll_url="/v1/tasks/t1")
        VideoToObjectStorageOperator(task_id="keep", poll_url="/v1/tasks/t1", path="/data/")
        VideoToObjectStorageOperator.partial(task_id="each", path="/data/").expand(poll_url=["/v1/tasks/t1"])
    keys = {link.name: link.xcom_key for link in EXTRA_LINKS}
    assert serialized_links(dag) == {
        "wait": {link.name: link.xcom_key for link in TASK_LINKS},
        "keep": keys,
        "each": keys,
    }
    assert len(set(keys.values())) == 4


def test_provider_info_names_the_class_of_every_link() -> None:
    classes = [f"{type(link).__module__}.{type(link).__name__}" for link in EXTRA_LINKS]
    assert get_provider_info()["extra-links"] == classes
    assert set(classes) <= set(ProvidersManager().extra_links_class_names)
