"""The classes of errors: whether a retry may help, and how they travel and hide secrets."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest

from lemondata_provider.api import errors
from lemondata_provider.api.errors import (
    InvalidRequestError,
    LemonDataError,
    NotFoundError,
    SubmitUnknownError,
    error_from_dict,
)
from tests.api.doubles import DATA_URL, PAYLOAD, SECRET, error_classes

every_class = pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: cls.__name__)


def full(cls: type[LemonDataError]) -> LemonDataError:
    return cls(
        "it broke",
        status=503,
        code="all_channels_failed",
        param="model",
        hints={"retryable": True, "alternatives": [{"id": "kling-2", "status": "ok"}], "balance_usd": "1.50"},
        retry_after=12.5,
        task_id="ldtask_1",
        poll_url="/v1/tasks/ldtask_1?x=1",
    )


# --- which class


def test_errors_docstring_shows_the_class_tree() -> None:
    drawn = re.findall(r"^ {4}[│├└─ ]*(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    assert drawn == [cls.__name__ for cls in sorted(error_classes(), key=lambda cls: drawn.index(cls.__name__))]


@every_class
def test_errors_docstring_of_every_class_names_the_retry(cls: type[LemonDataError]) -> None:
    assert re.search(r"retry|repeat", cls.__doc__ or ""), cls.__name__


def test_invalid_request_error_is_a_value_error() -> None:
    assert issubclass(InvalidRequestError, ValueError)


def test_error_message_with_task_id_names_the_task() -> None:
    assert str(LemonDataError("gone", task_id="t", poll_url="/v1/tasks/t")) == "gone [task_id=t, poll_url=/v1/tasks/t]"
    assert str(LemonDataError("gone", poll_url="/p")) == "gone [poll_url=/p]"


# --- pickling and events


def same(one: LemonDataError, other: LemonDataError) -> bool:
    return (type(one), vars(one), str(one), one.args) == (type(other), vars(other), str(other), other.args)


@every_class
def test_pickle_every_class_keeps_all_fields(cls: type[LemonDataError]) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(full(cls), protocol))  # noqa: S301 # because it is ours
        assert same(again, full(cls))
        assert again.retry_after == 12.5
        assert again.hints["alternatives"][0]["id"] == "kling-2"


@every_class
def test_copy_every_class_keeps_all_fields(cls: type[LemonDataError]) -> None:
    error = full(cls)
    assert same(copy.copy(error), error)
    deep = copy.deepcopy(error)
    deep.hints["alternatives"][0]["id"] = "changed"
    assert same(error, full(cls))


@every_class
def test_to_dict_every_class_survives_json(cls: type[LemonDataError]) -> None:
    fields = json.loads(json.dumps(full(cls).to_dict()))
    assert fields["type"] == cls.__name__
    assert same(error_from_dict(fields), full(cls))


def test_pickle_message_changed_later_keeps_the_change() -> None:
    error = NotFoundError("gone")
    error.message += " (asked elsewhere)"
    error.task_id = "t"
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "gone (asked elsewhere) [task_id=t]"  # noqa: S301 # because it is ours


@pytest.mark.parametrize("name", ["ErrorOfTomorrow", "ValueError", "", None, 5])
def test_error_from_dict_unknown_type_is_the_base_class(name: object) -> None:
    error = error_from_dict({"type": name, "message": "it broke", "retry_after": 3, "tomorrow": 1})
    assert type(error) is LemonDataError
    assert (str(error), error.retry_after) == ("it broke", 3)


@pytest.mark.parametrize("hints", [["x"], "x", 5, None])
def test_error_from_dict_hints_of_wrong_type_are_left_out(hints: object) -> None:
    assert str(error_from_dict({"type": "RateLimitError", "message": "slow", "hints": hints})) == "slow"


def test_error_from_dict_without_message_does_not_say_none() -> None:
    assert "None" not in str(error_from_dict({"type": "RateLimitError"}))


# --- secrets


@pytest.mark.parametrize(("text", "hidden"), [(SECRET, SECRET), (DATA_URL, PAYLOAD)], ids=["key", "data"])
@pytest.mark.parametrize("place", ["message", "code", "param", "hints", "poll_url"])
def test_error_with_key_or_media_in_any_field_shows_neither(
    place: str, text: str, hidden: str, everything_shown: Any
) -> None:
    quoted = f"got {text}, which is wrong"
    hints = {"hint": quoted, "deep": [{"did_you_mean": [quoted]}]}
    details: dict[str, Any] = {} if place == "message" else {place: hints if place == "hints" else quoted}
    for cls in error_classes():
        error = cls(quoted if place == "message" else "it broke", **details)
        assert hidden not in everything_shown(error), cls.__name__


def test_pickle_message_with_media_summary_stays_the_same() -> None:
    error: LemonDataError = SubmitUnknownError(f"bad image {DATA_URL} given")
    first = str(error)
    assert "…(21 bytes, sha256 " in first
    for _ in range(3):
        error = pickle.loads(pickle.dumps(error))  # noqa: S301 # because it is ours
    assert str(error) == first


def test_replace_final_survives_pickling() -> None:
    error = SubmitUnknownError("unknown", task_id="t1", status=500)
    retryable = error.replace(final=False, message="retry it")
    assert (error.final, retryable.final) == (True, False)
    copy = pickle.loads(pickle.dumps(retryable))  # noqa: S301 # our own
    assert (type(copy), copy.final, copy.message, copy.task_id, copy.status) == (
        SubmitUnknownError,
        False,
        "retry it",
        "t1",
        500,
    )
