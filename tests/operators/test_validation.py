from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api.errors import APIError, ConfigurationError, InvalidRequestError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.catalog import load
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.validation import catalog, check_requests
from lemondata_provider.operators.video import SubmitVideoOperator

EXAMPLES = json.loads((Path(__file__).parents[1] / "catalog" / "guide" / "requests.json").read_text())["requests"]
IMAGE, VIDEO = "https://x.example/a.png", "https://x.example/a.mp4"
CANNOT = "sora-2 does text-to-video and image-to-video, not video-to-video"
WAY_OUT = r'validation="warn" submits it all the same'


def operator(**fields: Any) -> SubmitVideoOperator:
    return SubmitVideoOperator(task_id="submit", **{"model": "sora-2", "poll_interval": 0.05, **fields})


def rendered(op: SubmitVideoOperator, **values: Any) -> SubmitVideoOperator:
    op.dag = dag = DAG("rendering")
    op.render_template_fields(values, dag.get_template_env())
    return op


def warnings_of(logs: list[Any]) -> list[str]:
    """Return our warnings; Airflow has one about tests, and there is one about Airflow 3.2."""
    told = [str(entry) for entry in logs if entry["log_level"] == "warning"]
    return [warning for warning in told if "Task Runner" not in warning and "task state store" not in warning]


def without_operation(example: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in example.items() if name != "operation"}


# --- the operation


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["operation"])
@pytest.mark.parametrize("validation", ["strict", "off"])
def test_the_operation_that_is_meant_is_sent_and_returned(sandbox, context, example, validation):
    result = operator(**without_operation(example), validation=validation).execute(context)
    assert result["operation"] == example["operation"]
    assert sandbox.ledger.creates[-1].body == example


def test_what_is_only_known_after_rendering_is_inferred_then(sandbox, context):
    op = operator(model="{{ model }}", prompt="x", image_url="{{ url }}")
    assert rendered(op, model="sora-2", url=IMAGE).execute(context)["operation"] == "image-to-video"


def test_where_nothing_can_be_said_the_service_decides(sandbox, context):
    op = operator(model="seedance-2.0", prompt="x", extra_params={"mesh_url": IMAGE})
    assert op.execute(context)["operation"] is None
    assert "operation" not in sandbox.ledger.creates[-1].body


def test_a_fallback_model_does_what_was_meant_for_the_first_one(sandbox, context):
    sandbox.fault("error", status=400, code="model_not_found")
    result = operator(model="sora-2-pro-storyboard", image_url=IMAGE, fallback_models=["veo3"]).execute(context)
    assert (result["model"], result["operation"]) == ("veo3", "image-to-video")
    assert sandbox.ledger.creates[-1].body["operation"] == "image-to-video"


# --- before anything is sent


@pytest.mark.parametrize(
    ("fields", "values", "sentence"),
    [
        ({"prompt": "x", "video_url": "{{ url }}"}, {"url": VIDEO}, CANNOT),
        (
            {"prompt": "x", "model": "{{ model }}"},
            {"model": "hailuo-2.3-fast"},
            "image-to-video needs image_url or image",
        ),
        ({"prompt": "x", "duration": "{{ seconds }}"}, {"seconds": 90}, "duration must be -1 to 60 seconds, not 90"),
        ({"prompt": "x", "start_image": "{{ url }}"}, {"url": IMAGE}, "is unclear from prompt and start_image"),
        (
            {"prompt": "x", "operation": "{{ what }}"},
            {"what": "motion-control"},
            "did you mean operation='text-to-video'",
        ),
        ({"model": "veo3.1", "reference_images": ["{{ url }}"] * 10}, {"url": IMAGE}, "at most 9 items"),
    ],
)
def test_what_came_from_templates_is_refused_before_anything_is_sent(sandbox, context, fields, values, sentence):
    op = rendered(operator(**fields), **values)
    with pytest.raises(AirflowFailException, match=WAY_OUT) as refused:
        op.execute(context)
    assert sentence in str(refused.value)
    assert sandbox.ledger.requests() == 0


def test_a_fallback_model_that_cannot_do_it_is_refused_by_name(sandbox, context):
    op = rendered(operator(prompt="x", fallback_models=["veo3", "{{ other }}"]), other="topaz-video-upscale")
    with pytest.raises(
        AirflowFailException, match="Fallback topaz-video-upscale does video-to-video, not text-to-video"
    ):
        op.execute(context)
    assert sandbox.ledger.requests() == 0


def test_with_warn_it_is_submitted_and_each_problem_is_logged_once(sandbox, context):
    op = operator(prompt="x", duration=90, output_audio=True, fallback_models=["wan-9", "wan-2.5"], validation="warn")
    sandbox.configure(strict_contract=False)
    with structlog.testing.capture_logs() as logs, pytest.raises(Exception, match="duration must be a number"):
        op.execute(context)  # the sandbox keeps to the API's bounds
    assert sandbox.ledger.requests("create") == 1
    warnings = warnings_of(logs)
    for words in ("duration must be -1 to 60", "no stable audio toggle", "'wan-9' is not known here"):
        assert sum(words in warning for warning in warnings) == (2 if words == "no stable audio toggle" else 1)


def test_with_off_nothing_is_said(sandbox, context):
    op = operator(model="seedance-2.0", prompt="x", output_audio=True, resolution="4K", validation="off")
    with structlog.testing.capture_logs() as logs, pytest.raises(Exception, match="resolution must be one of"):
        op.execute(context)
    assert sandbox.ledger.requests("create") == 1
    assert warnings_of(logs) == []


def test_an_unknown_model_is_submitted_with_one_warning(sandbox, context):
    with structlog.testing.capture_logs() as logs, pytest.raises(APIError, match="model_not_found"):
        operator(model="wan-2.66", prompt="x").execute(context)
    assert sandbox.ledger.requests("create") == 1
    (warning,) = [one for one in warnings_of(logs) if "not known here" in one]
    assert "The model 'wan-2.66' is not known here" in warning
    assert "Did you mean 'wan-2.6'?" in warning


def test_model_that_is_not_listed_is_submitted_with_a_warning_that_names_a_listed_one(sandbox, context):
    with structlog.testing.capture_logs() as logs:
        operator(model="sora-2", prompt="x").execute(context)
    (warning,) = warnings_of(logs)
    assert "The model 'sora-2' was not listed on 2026-09-25" in warning
    assert "did you mean 'veo3.1-fast'?" in warning


def test_what_is_local_is_worth_a_warning_only_where_lemondata_is_not(sandbox, monkeypatch):
    hook = LemonDataHook()
    requests = [VideoRequest.checked(model="veo3.1", image_url="http://127.0.0.1:1/a.png", operation="image-to-video")]
    with structlog.testing.capture_logs() as logs:
        check_requests(requests, "strict", hook)
    assert logs == []
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", '{"conn_type": "lemondata", "password": "sk-1234567890"}')
    with structlog.testing.capture_logs() as logs:
        check_requests(requests, "strict", hook)
    assert "which LemonData cannot reach" in str(logs)
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", '{"conn_type": "lemondata", "password": ""}')
    with structlog.testing.capture_logs() as logs:
        check_requests(requests, "strict", hook)
    assert logs == []


def test_validation_is_one_of_three_words():
    with pytest.raises(InvalidRequestError, match="validation must be one of strict, warn, off, not 'loose'"):
        operator(prompt="x", validation="loose")


# --- when the DAG is read


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prompt": "x", "video_url": VIDEO}, CANNOT),
        ({"operation": "text2video", "prompt": "{{ x }}"}, "did you mean 'text-to-video'"),
        ({"prompt": "{{ x }}", "operation": "image-to-video"}, "sora-2: image-to-video needs image_url or image"),
        ({"prompt": "{{ x }}", "model": "veo3.1", "duration": 61}, "duration must be -1 to 60 seconds"),
        ({"prompt": "{{ x }}", "model": "veo3.1", "aspect_ratio": "16x9"}, "did you mean '16:9'"),
        ({"model": "topaz-video-upscale", "prompt": "{{ x }}"}, "topaz-video-upscale: video-to-video needs video_url"),
        (
            {"prompt": "x", "fallback_models": ["veo3", "hailuo-2.3-fast"]},
            "Fallback hailuo-2.3-fast does image-to-video",
        ),
        ({}, "which operation is meant is unclear from nothing"),
    ],
)
def test_what_is_literal_is_refused_when_the_dag_is_read(fields, sentence):
    with pytest.raises(InvalidRequestError, match=WAY_OUT) as refused:
        operator(**fields)
    assert sentence in str(refused.value)


class ReadingFiles(SubmitVideoOperator):
    template_ext = (".txt",)


def test_what_may_still_change_is_not_judged():
    with DAG("reading"):
        other = SubmitVideoOperator(task_id="other", model="sora-2", prompt="x")
        for number, fields in enumerate(
            [
                {"prompt": "x", "video_url": "{{ url }}", "model": "{% if x %}topaz-video-upscale{% endif %}"},
                {"prompt": "x", "operation": "{{ what }}", "video_url": VIDEO},
                {"prompt": "x", "image_url": other.output["video_url"], "model": "viduq2"},
                {"prompt": "x", "operation": "image-to-video", "image_url": other.output["video_url"]},
                {"prompt": "x", "start_image": other.output["video_url"]},
                {"prompt": "x", "model": "viduq2-pro", "extra_params": {"a": "{{ b }}"}},
                {"prompt": "x", "model": "veo3.1", "reference_images": ["{{ a }}"]},
                {"prompt": "x", "fallback_models": ["{{ other }}"]},
                {"prompt": "x", "duration": "{{ seconds }}", "resolution": "{# any #}"},
            ]
        ):
            SubmitVideoOperator(task_id=f"task_{number}", **{"model": "sora-2", **fields})
        ReadingFiles(task_id="files", prompt="x", operation="operation.txt", model="model.txt")


def test_nothing_is_logged_when_the_dag_is_read():
    with structlog.testing.capture_logs() as logs:
        operator(model="sora-3", prompt="x", output_audio=True, image_url="http://localhost/a.png")
    assert logs == []


@pytest.mark.parametrize("validation", ["warn", "off"])
def test_nothing_is_refused_when_the_dag_is_read_unless_validation_is_strict(validation):
    operator(prompt="x", video_url=VIDEO, duration=90, validation=validation)


def test_the_dag_shows_an_import_error_that_says_it(tmp_path):
    (tmp_path / "wrong.py").write_text(
        "from airflow.sdk import DAG\n"
        "from lemondata_provider.operators.video import SubmitVideoOperator\n"
        "with DAG('wrong'):\n"
        f"    SubmitVideoOperator(task_id='clip', model='sora-2', prompt='x', video_url={VIDEO!r})\n"
    )
    bag = DagBag(tmp_path)
    assert bag.dags == {}
    assert CANNOT in str(bag.import_errors)


def test_a_mapped_task_is_checked_when_it_runs_and_fails_at_once(sandbox, context):
    with DAG("mapping"):
        mapped = SubmitVideoOperator.partial(task_id="clips", model="sora-2", prompt="x").expand(video_url=[VIDEO])
    unmapped = mapped.unmap({"video_url": VIDEO})  # an error here would be retried
    with pytest.raises(AirflowFailException, match=CANNOT):
        unmapped.execute(context)
    assert sandbox.ledger.requests() == 0


# --- another inventory


@pytest.fixture
def other_catalog(tmp_path, monkeypatch):
    """A data file of the user's own."""
    path = tmp_path / "models.json"
    path.write_text('{"models": [{"id": "sora-2", "family": "OpenAI", "operations": ["video-to-video"]}]}')
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", str(path))
    return path


def test_another_data_file_becomes_the_inventory(sandbox, context, other_catalog):
    assert [model.id for model in catalog().models] == ["sora-2"]
    with pytest.raises(InvalidRequestError, match="sora-2: video-to-video needs video_url"):
        operator(prompt="x")


def test_a_data_file_that_cannot_be_used_is_named(other_catalog):
    other_catalog.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"\[lemondata\] catalog_path: .*models.json: it must be an object"):
        operator(prompt="x")


def test_an_empty_setting_means_the_shipped_file(monkeypatch):
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", "")
    assert catalog() is load()


@pytest.mark.parametrize("validation", ["warn", "off"])
def test_what_is_newer_than_this_package_is_submitted_all_the_same_where_that_is_asked_for(
    sandbox, context, validation
):
    sandbox.fault("error", status=400, code="unsupported_operation")  # whatever the service thinks of it
    with pytest.raises((AirflowFailException, APIError), match="unsupported_operation"):
        SubmitVideoOperator(
            task_id="submit",
            model="sora-2",
            prompt="a cat",
            operation="lip-sync",
            resolution="480p",
            validation=validation,
        ).execute(context)
    assert sandbox.ledger.requests("create") == 1


def test_words_of_a_model_that_is_not_known_here_are_no_errors(sandbox, context):
    operator = SubmitVideoOperator(task_id="submit", prompt="a cat", model="seedance-2.0", resolution="480p")
    check_requests([VideoRequest.checked(model=operator.model, resolution="480p", prompt="x")], "strict", operator.hook)


@pytest.mark.parametrize("validation", ["warn", "off"])
def test_an_inventory_that_cannot_be_read_stops_nothing_where_nothing_is_to_be_refused(
    sandbox, context, validation, monkeypatch
):
    operator = SubmitVideoOperator(task_id="submit", model="sora-2", prompt="a cat", validation=validation)
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", "/nowhere/models.json")
    assert operator.execute(context)["operation"] == "text-to-video"
