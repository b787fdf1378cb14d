"""What the function of ``@task.lemondata_video`` gets and returns: sent as it is, or refused by name."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import structlog
from airflow.sdk.exceptions import AirflowFailException

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.hooks.exceptions import LemonDataFailException
from tests.decorators.taskflow import decorated, rendered, returning
from tests.operators.helpers import sent

A = "https://x.example/a.png"
PAYLOAD = base64.b64encode(b"\x89PNG not really a picture" * 20).decode()
DATA_URL = f"data:image/png;base64,{PAYLOAD}"


def test_execute_text_is_the_prompt(sandbox, context):
    returning("a cat", duration=4).execute(context)
    assert sent(sandbox) == {"model": "sora-2", "prompt": "a cat", "duration": 4, "operation": "text-to-video"}


def test_execute_dict_replaces_the_fields_of_the_decorator(sandbox, context):
    returning({"prompt": "a cat", "duration": 8, "image_url": A}, duration=4, seed=7).execute(context)
    assert sent(sandbox) == {
        "model": "sora-2",
        "prompt": "a cat",
        "operation": "image-to-video",
        "duration": 8,
        "seed": 7,
        "image_url": A,
    }


def test_execute_returned_template_is_sent_as_it_is(sandbox, context):
    operator = rendered(returning({"prompt": "{{ var.value.key }} {% raw %}", "user": "{{ x }}"}), x="me")
    operator.execute(context)
    assert sent(sandbox)["prompt"] == "{{ var.value.key }} {% raw %}"
    assert sent(sandbox)["user"] == "{{ x }}"


def test_execute_templates_of_the_decorator_and_of_arguments_are_rendered(sandbox, context):
    def clip(subject: str) -> str:
        return f"a {subject}"

    operator = decorated(clip, "{{ what }}", duration="{{ seconds }}", user="{{ who }}")
    rendered(operator, what="cat", seconds=4, who="me").execute(context)
    assert (sent(sandbox)["prompt"], sent(sandbox)["duration"], sent(sandbox)["user"]) == ("a cat", 4, "me")


def test_execute_blank_template_of_the_decorator_is_refused(sandbox, context):
    operator = rendered(returning("a cat", user="{{ who }}"), who=None)
    with pytest.raises(AirflowFailException, match="user rendered to nothing"):
        operator.execute(context)
    assert sandbox.ledger.requests() == 0


def test_execute_function_gets_the_context(sandbox, context):
    def clip(subject: str, ti: Any = None, **others: Any) -> str:
        return f"{subject} of {ti.dag_id} with {others['params']['size']}"

    decorated(clip, arguments={"subject": "a cat"}).execute({**context, "params": {"size": 1}})
    assert sent(sandbox)["prompt"] == "a cat of clips with 1"


def test_execute_arguments_keep_their_types(sandbox, context):
    got: list[Any] = []

    def clip(*args: Any, **named: Any) -> str:
        got.extend([*args, named["table"]])
        return "a cat"

    given = [("{{ what }}", DATA_URL), {1, 2}, ["x"], 4]
    operator = rendered(decorated(clip, *given, arguments={"table": {"a": (1,)}}), what="a cube")
    assert PAYLOAD[:20] not in str(operator.op_args)
    operator.execute(context)
    assert got == [("a cube", DATA_URL), {1, 2}, ["x"], 4, {"a": (1,)}]


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (None, r"clip\(\) must return a prompt or a dict of request fields, not NoneType\. Nothing was sent\."),
        (["a cat"], "not list"),
        (b"a cat", "not bytes"),
        (4, "not int"),
        ("", r"clip\(\) returned nothing as prompt \(''\): leave the key out"),
        (" \n", "nothing as prompt"),
        ({"prompt": None}, r"nothing as prompt \('None'\)"),
        ({"prompt": "a cat", "image_url": None}, "nothing as image_url"),
        ({"prompt": 4}, "int as prompt, which must be a text"),
        ({"prompt": ["a cat"]}, "list as prompt"),
        ({"promt": "a cat"}, r"'promt', which is no request field \(did you mean 'prompt'\?\)"),
        ({"prompt": "a cat", "poll_interval": 1, 4: 5}, "'poll_interval', which is no request field.*; '4'"),
        ({"prompt": "a cat", "task_id": "x"}, "'task_id', which is no request field"),
        ({}, "Neither a prompt nor any input was given"),
        ({"prompt": "a cat", "duration": "four"}, "duration must be a number, not 'four'"),
        ({"prompt": "a cat", "image_url": "srv/a.png"}, "image_url must be a public https URL"),
        ({"prompt": "a cat", "operation": "motion-control"}, "not motion-control"),
    ],
    ids=str,
)
def test_execute_wrong_return_value_is_refused_by_name_and_sends_nothing(sandbox, context, returned, sentence):
    with pytest.raises(LemonDataFailException, match=sentence) as refused:
        returning(returned).execute(context)
    assert isinstance(refused.value.error, InvalidRequestError)
    assert sandbox.ledger.requests() == 0


def test_execute_empty_dict_with_an_image_of_the_decorator_is_sent(sandbox, context):
    returning({}, image_url=A).execute(context)
    assert sent(sandbox) == {"model": "sora-2", "image_url": A, "operation": "image-to-video"}


def test_blank_as_none_leaves_out_what_the_function_returned_as_nothing(sandbox, context):
    returning({"prompt": "a cat", "image_url": None, "user": "", "seed": None}, blank_as_none=True).execute(context)
    assert sent(sandbox) == {"model": "sora-2", "prompt": "a cat", "operation": "text-to-video"}


def test_execute_exception_of_the_function_rises_and_sends_nothing(sandbox, context):
    def clip() -> str:
        raise LookupError("no such row")

    with pytest.raises(LookupError, match="no such row"):
        decorated(clip).execute(context)
    assert sandbox.ledger.requests() == 0


# --- inline media


@pytest.mark.parametrize(
    "returned", [{"image": DATA_URL}, {"extra_params": {"mask": [DATA_URL]}}], ids=["field", "extra"]
)
def test_execute_returned_inline_media_is_sent_and_not_shown(sandbox, context, returned):
    operator = returning({"prompt": "a cat", **returned})
    with structlog.testing.capture_logs() as logs:
        operator.execute(context)
    shown = " ".join(str(getattr(operator, name)) for name in operator.template_fields) + str(logs)
    assert PAYLOAD[:40] not in shown
    assert "data:image/png;base64,…(500 bytes, sha256 " in shown
    assert f"({len(DATA_URL)} characters)" in str(sent(sandbox))  # as the ledger shortens it


def test_execute_inline_media_in_a_refused_value_is_not_shown(context):
    for returned in ({DATA_URL: 1}, {"prompt": "x", "duration": DATA_URL}, [DATA_URL]):
        with pytest.raises(LemonDataFailException) as refused:
            returning(returned).execute(context)
        assert PAYLOAD[:20] not in str(refused.value)


def test_execute_inline_media_of_an_argument_reaches_the_function_and_is_not_shown(sandbox, context):
    def clip(picture: str) -> dict[str, Any]:
        return {"prompt": "a cat", "image": picture}

    literal, templated = decorated(clip, DATA_URL), rendered(decorated(clip, "{{ picture }}"), picture=DATA_URL)
    for operator in (literal, templated):
        assert PAYLOAD[:20] not in str(operator.op_args)
        operator.execute(context)
        assert f"({len(DATA_URL)} characters)" in sent(sandbox)["image"]  # as the ledger shortens it
