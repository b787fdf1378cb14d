from __future__ import annotations

import base64
import hashlib
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemondata_provider.api.redaction import Shielded, is_data_url, redact, shield, shield_literal, unshield

CONTENT = bytes(range(256)) * 2
PAYLOAD = base64.b64encode(CONTENT).decode()
PNG = f"data:image/png;base64,{PAYLOAD}"
SUMMARY = f"data:image/png;base64,…(512 bytes, sha256 {hashlib.sha256(CONTENT).hexdigest()[:12]})"


def test_shielded_data_url_shows_type_size_and_hash() -> None:
    url = Shielded(PNG)
    assert [str(url), repr(url), f"{url}"] == [SUMMARY] * 3
    assert url.text == PNG


@pytest.mark.parametrize(
    ("url", "size"),
    [
        ("data:text/plain,hello", 5),
        ("data:,", 0),
        ("data:;base64,AAAA", 3),
        ("data:image/png;base64,not*base64!", 11),
        ("data:image/png;base64,AAAAA", 5),
        ("data:image/svg+xml;utf8,é", 2),
    ],
)
def test_shielded_size_is_of_the_decoded_content_if_it_decodes(url: str, size: int) -> None:
    head = url.partition(",")[0]
    assert str(Shielded(url)).startswith(f"{head},…({size} bytes, sha256 ")


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64{PAYLOAD}",
        f"data:{PAYLOAD}",
        f"DATA:image/png;BASE64,{PAYLOAD}",
        f"data:image/png;base64,{PAYLOAD[:76]}\r\n{PAYLOAD[76:]}",
    ],
    ids=["comma forgotten", "nothing but payload", "upper case", "wrapped lines"],
)
def test_shielded_data_url_in_any_spelling_hides_its_payload(url: str) -> None:
    shown = f"{Shielded(url)} {shield(url)!r} {shield([{'image': url}])}"
    assert PAYLOAD[:20] not in shown
    assert PAYLOAD[80:120] not in shown


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (PNG, True),
        ("data:,x", True),
        ("  data:,x", True),
        ("DATA:image/png;base64,AA", True),
        ("https://x.test/data:,x", False),
        ("database", False),
        ("data", False),
        ("", False),
        (None, False),
        (5, False),
        (b"data:,x", False),
        (["data:,x"], False),
    ],
)
def test_is_data_url_any_value_is_true_for_data_urls_only(value: object, found: bool) -> None:
    assert is_data_url(value) is found


def test_unshield_nested_shielded_value_restores_it() -> None:
    value = {"image": PNG, "n": 1, "deep": [{"x": (PNG, "https://x.test/a.png", None)}]}
    shown = shield(value)
    assert PAYLOAD not in repr(shown)
    assert repr(shown).count("sha256") == 2
    assert unshield(shown) == {"image": PNG, "n": 1, "deep": [{"x": [PNG, "https://x.test/a.png", None]}]}


def test_shield_twice_equals_once() -> None:
    assert shield(shield([PNG])) == shield([PNG]) == [Shielded(PNG)]


def test_shielded_value_can_be_compared_hashed_and_pickled() -> None:
    url = Shielded(PNG)
    assert str(url) == SUMMARY
    assert pickle.loads(pickle.dumps(url)) == url == Shielded(PNG)  # noqa: S301 # our own
    assert len({url, Shielded(PNG), Shielded("data:,x")}) == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("nothing to hide", "nothing to hide"),
        (PNG, SUMMARY),
        (f"bad image {PNG} given", f"bad image {SUMMARY} given"),
        (f"'{PNG}', \"{PNG}\"", f"'{SUMMARY}', \"{SUMMARY}\""),
        (f"<b>{PNG}</b>", f"<b>{SUMMARY}</b>"),
        ("key sk-abcDEF_123-456.", "key sk-***."),
        ("Bearer sk-abcdef123456", "Bearer sk-***"),
        ("?key=sk-abcdef123456&x=1", "?key=sk-***&x=1"),
        ("a task-force-of-many", "a task-force-of-many"),
        ("ldtask_sk", "ldtask_sk"),
        ("metadata: a, b", "metadata: a, b"),
    ],
)
def test_redact_text_hides_keys_and_payloads_only(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_redact_nested_value_hides_keys_and_payloads_only() -> None:
    value = {"a": [f"x {PNG}", {"b": "sk-abcdef123456"}], "n": 5, "none": None, "yes": True}
    assert redact(value) == {"a": [f"x {SUMMARY}", {"b": "sk-***"}], "n": 5, "none": None, "yes": True}


def test_redact_payload_wrapped_into_lines_is_hidden() -> None:
    wrapped = "\n".join(PAYLOAD[start : start + 76] for start in range(0, len(PAYLOAD), 76))
    shown = redact(f"cannot decode data:image/png;base64,{wrapped} of field image")
    assert not [line for line in wrapped.splitlines() if line in shown]


@pytest.mark.parametrize(
    "text",
    [PNG, f"a {PNG} b {PNG}", f"[{SUMMARY}]", f"('{PNG}')", "sk-abcdef123456"],
    ids=["alone", "twice in a sentence", "already short", "quoted", "key"],
)
def test_redact_twice_equals_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(text=st.text(max_size=80), content=st.binary(min_size=9, max_size=60))
def test_redact_payload_inside_any_text_is_hidden(text: str, content: bytes) -> None:
    payload = base64.b64encode(content).decode()
    shown: Any = redact([f"{text} data:image/png;base64,{payload} {text}"])
    assert f",{payload}" not in shown[0]


def test_shield_text_with_data_url_inside_hides_it_and_can_be_sent() -> None:
    text = f"like this: {PNG} please"
    assert str(shield(text)) == f"like this: {SUMMARY} please"
    assert unshield(shield({"prompt": text})) == {"prompt": text}


@pytest.mark.parametrize("text", ["Data: a story of numbers", "data: x, y", "metadata", "the data:"])
def test_shield_prose_about_data_is_unchanged(text: str) -> None:
    assert shield(text) == text
    assert is_data_url(text) is False


@pytest.mark.parametrize("text", ["data:image/png;base64,{{ b64 }}", "data:{% if x %},a{% endif %}"])
def test_shield_literal_template_is_unchanged_until_rendered(text: str) -> None:
    assert shield_literal([text]) == [text]
    assert shield_literal([PNG]) == [Shielded(PNG)]
