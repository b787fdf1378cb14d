from __future__ import annotations

import pytest

from lemondata_provider.api.description import MAX_DESCRIPTION, describe_answer


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        ({"state": "moderated", "why": ["ü"]}, '{"state": "moderated", "why": ["ü"]}'),
        ("<h1>\n  Bad gateway</h1>", "<h1> Bad gateway</h1>"),
        ("", "nothing"),
        (None, "null"),
        ({"url": "https://x.test/a.mp4?sig=abc&x=1"}, '{"url": "https://x.test/a.mp4?…"}'),
        ({"key": "sk-abcdef123456"}, '{"key": "sk-***"}'),
        ("a\x00b\ud800", "ab?"),
    ],
)
def test_describe_answer_any_value_is_one_line_without_secrets(answer: object, description: str) -> None:
    assert describe_answer(answer) == description


@pytest.mark.parametrize(
    "answer", ["x" * 10**6, {"a": ["x"] * 10**5}, {"image": "data:image/png;base64," + "A" * 10**6}]
)
def test_describe_answer_large_value_is_shortened(answer: object) -> None:
    assert len(describe_answer(answer)) <= MAX_DESCRIPTION + 1
    assert "AAAA" not in describe_answer(answer)
