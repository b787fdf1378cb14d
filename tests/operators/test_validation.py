from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api.errors import APIError, InvalidRequestError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.validation import check_requests
from lemondata_provider.operators.video import SubmitVideoOperator
from tests.operators.helpers import rendered

EXAMPLES = json.loads((Path(__file__).parents[1] / "catalog" / "guide" / "requests.json").read_text())["requests"]
IMAGE, VIDEO = "https://x.example/a.png", "https://x.example/a.mp4"
CANNOT = "sora-2 does text-to-video and image-to-video, not video-to-video"
WAY_OUT = r'validation="warn" submits it all the same'


def operator(**fields: Any) -> SubmitVideoOperator:
    return SubmitVideoOperator(task_id="submit", **{"model": "sora-2", "poll_interval": 0.05, **fields})


def warnings_of(logs: list[Any]) -> list[str]:
    """Return our warnings; Airflow has one about tests, and there is one about Airflow 3.2."""
    warnings = [str(entry) for entry in logs if entry["log_level"] == "warning"]
    return [warning for warning in warnings if "Task Runner" not in warning and "task state store" not in warning]


def without_operation(example: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in example.items() if name != "operation"}


# --- the operation


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["operation"])
@pytest.mark.parametrize("validation", ["strict", "off"])
def test_operation_missing_is_inferred_sent_and_returned(sandbox, context, example, validation):
    result = operator(**without_operation(example), validation=validation).execute(context)
    assert result["operation"] == example["operation"]
    assert sandbox.ledger.creates[-1].body == example


def test_operation_templated_fields_is_inferred_after_rendering(sandbox, context):
    op = operator(model="{{ model }}", prompt="x", image_url="{{ url }}")
    assert rendered(op, model="sora-2", url=IMAGE).execute(context)["operation"] == "image-to-video"


def test_operation_undecidable_is_not_sent(sandbox, context):
    op = operator(model="seedance-2.0", prompt="x", extra_params={"mesh_url": IMAGE})
    assert op.execute(context)["operation"] is None
    assert "operation" not in sandbox.ledger.creates[-1].body


def test_operation_fallback_model_is_that_of_the_first_model(sandbox, context):
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
def test_execute_invalid_rendered_fields_fails_and_sends_no_request(sandbox, context, fields, values, sentence):
    op = rendered(operator(**fields), **values)
    with pytest.raises(AirflowFailException, match=WAY_OUT) as refused:
        op.execute(context)
    assert sentence in str(refused.value)
    assert sandbox.ledger.requests() == 0


def test_execute_fallback_model_without_the_operation_fails_and_names_it(sandbox, context):
    op = rendered(operator(prompt="x", fallback_models=["veo3", "{{ other }}"]), other="topaz-video-upscale")
    with pytest.raises(
        AirflowFailException, match="Fallback topaz-video-upscale does video-to-video, not text-to-video"
    ):
        op.execute(context)
    assert sandbox.ledger.requests() == 0


def test_validation_warn_submits_and_logs_each_problem_once(sandbox, context):
    op = operator(prompt="x", duration=90, output_audio=True, fallback_models=["wan-9", "wan-2.5"], validation="warn")
    sandbox.configure(strict_contract=False)
    with structlog.testing.capture_logs() as logs, pytest.raises(Exception, match="duration must be a number"):
        op.execute(context)  # the sandbox keeps to the API's bounds
    assert sandbox.ledger.requests("create") == 1
    warnings = warnings_of(logs)
    for words in ("duration must be -1 to 60", "no stable audio toggle", "'wan-9' is not known here"):
        assert sum(words in warning for warning in warnings) == (2 if words == "no stable audio toggle" else 1)


def test_validation_off_submits_and_logs_nothing(sandbox, context):
    op = operator(model="seedance-2.0", prompt="x", output_audio=True, resolution="4K", validation="off")
    with structlog.testing.capture_logs() as logs, pytest.raises(Exception, match="resolution must be one of"):
        op.execute(context)
    assert sandbox.ledger.requests("create") == 1
    assert warnings_of(logs) == []


def test_validation_unknown_model_submits_with_one_warning(sandbox, context):
    refusals = (AirflowFailException, APIError)
    with structlog.testing.capture_logs() as logs, pytest.raises(refusals, match="model_not_found"):
        operator(model="wan-2.66", prompt="x").execute(context)
    assert sandbox.ledger.requests("create") == 1
    (warning,) = [one for one in warnings_of(logs) if "not known here" in one]
    assert "The model 'wan-2.66' is not known here" in warning
    assert "Did you mean 'wan-2.6'?" in warning


def test_validation_unlisted_model_submits_with_a_warning_that_names_a_listed_one(sandbox, context):
    with structlog.testing.capture_logs() as logs:
        operator(model="sora-2", prompt="x").execute(context)
    (warning,) = warnings_of(logs)
    assert "The model 'sora-2' was not listed on 2026-09-25" in warning
    assert "did you mean 'veo3.1-fast'?" in warning


def test_check_requests_local_url_warns_only_if_the_service_is_remote(sandbox, monkeypatch):
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


def test_init_unknown_validation_raises_error_that_lists_the_choices():
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
        ({"model": "veo3.1", "image": "data:image/png;base64,%%%"}, "image holds a data: URL whose base64 is broken"),
    ],
)
def test_init_invalid_literal_fields_raises(fields, sentence):
    with pytest.raises(InvalidRequestError, match=WAY_OUT) as refused:
        operator(**fields)
    assert sentence in str(refused.value)


class ReadingFiles(SubmitVideoOperator):
    template_ext = (".txt",)


def test_init_templated_fields_are_not_validated():
    with DAG("reading"):
        output: Any = SubmitVideoOperator(task_id="other", model="sora-2", prompt="x").output
        for number, fields in enumerate(
            [
                {"prompt": "x", "video_url": "{{ url }}", "model": "{% if x %}topaz-video-upscale{% endif %}"},
                {"prompt": "x", "operation": "{{ what }}", "video_url": VIDEO},
                {"prompt": "x", "image_url": output["video_url"], "model": "viduq2"},
                {"prompt": "x", "operation": "image-to-video", "image_url": output["video_url"]},
                {"prompt": "x", "start_image": output["video_url"]},
                {"prompt": "x", "model": "viduq2-pro", "extra_params": {"a": "{{ b }}"}},
                {"prompt": "x", "model": "veo3.1", "reference_images": ["{{ a }}"]},
                {"prompt": "x", "fallback_models": ["{{ other }}"]},
                {"prompt": "x", "duration": "{{ seconds }}", "resolution": "{# any #}"},
            ]
        ):
            SubmitVideoOperator(task_id=f"task_{number}", **{"model": "sora-2", **fields})
        ReadingFiles(task_id="files", prompt="x", operation="operation.txt", model="model.txt")


def test_init_unknown_model_and_local_url_logs_nothing():
    with structlog.testing.capture_logs() as logs:
        operator(model="sora-3", prompt="x", output_audio=True, image_url="http://localhost/a.png")
    assert logs == []


@pytest.mark.parametrize("validation", ["warn", "off"])
def test_init_validation_not_strict_accepts_invalid_fields(validation):
    operator(prompt="x", video_url=VIDEO, duration=90, validation=validation)


def test_dag_bag_invalid_literal_fields_has_an_import_error_with_the_reason(tmp_path):
    (tmp_path / "wrong.py").write_text(
        "from airflow.sdk import DAG\n"
        "from lemondata_provider.operators.video import SubmitVideoOperator\n"
        "with DAG('wrong'):\n"
        f"    SubmitVideoOperator(task_id='clip', model='sora-2', prompt='x', video_url={VIDEO!r})\n"
    )
    bag = DagBag(tmp_path)
    assert bag.dags == {}
    assert CANNOT in str(bag.import_errors)


def test_execute_mapped_task_with_invalid_fields_fails_without_retry(sandbox, context):
    with DAG("mapping"):
        mapped = SubmitVideoOperator.partial(task_id="clips", model="sora-2", prompt="x").expand(video_url=[VIDEO])
    unmapped = mapped.unmap({"video_url": VIDEO})  # an error here would be retried
    with pytest.raises(AirflowFailException, match=CANNOT):
        unmapped.execute(context)
    assert sandbox.ledger.requests() == 0


@pytest.mark.parametrize("validation", ["warn", "off"])
def test_validation_not_strict_submits_unknown_operation_and_resolution(sandbox, context, validation):
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


def test_check_requests_unknown_model_accepts_any_resolution(sandbox, context):
    operator = SubmitVideoOperator(task_id="submit", prompt="a cat", model="wan-9", resolution="480p")
    check_requests([VideoRequest.checked(model=operator.model, resolution="480p", prompt="x")], "strict", operator.hook)
