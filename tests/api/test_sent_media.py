"""Nothing of an inline input survives in what the service says of it."""

from __future__ import annotations

import base64
import html
import json
import textwrap
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.redaction import Shielded, redact, shield
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.sent_media import RUN, SentMedia

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text x="1">the secret drawing & its words</text></svg>'
PNG = bytes(range(256)) * 8
PLAIN_SVG = f"data:image/svg+xml;utf8,{SVG}"
URL_SAFE = "data:image/png;base64," + base64.urlsafe_b64encode(PNG).decode()
WRAPPED = "data:image/png;base64," + base64.encodebytes(PNG).decode()
QUOTED = f"data:image/svg+xml,{quote(SVG)}"
ENCODED_SVG = "data:image/svg+xml;base64," + base64.b64encode(SVG.encode()).decode()
INLINE = [PLAIN_SVG, URL_SAFE, WRAPPED, QUOTED, ENCODED_SVG]
NAMES = ["svg as text", "url-safe", "wrapped", "percent-encoded", "svg in base64"]

ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "without the end": lambda payload: payload[: max(len(payload) // 2, 2 * RUN)],
    "without the beginning": lambda payload: payload[len(payload) // 3 :],
    "wrapped": lambda payload: "\n".join(textwrap.wrap(payload, 60, break_on_hyphens=False)),
    "percent-encoded": lambda payload: quote(payload, safe=""),
    "as JSON": lambda payload: json.dumps(payload)[1:-1].replace("/", "\\/"),
    "as JSON in ASCII escapes": lambda payload: "".join(f"\\u{ord(character):04x}" for character in payload),
    "as HTML": html.escape,
    "url-safe": lambda payload: payload.replace("+", "-").replace("/", "_"),
}


def remains(text: str, payload: str) -> bool:
    """Say whether a text still holds a run of the payload, or of what it decodes to."""
    bare = "".join(text.split())
    spellings = [payload, SVG]
    return any(
        (run := "".join(one.split())[at : at + 2 * RUN]) in bare and len(run) == 2 * RUN
        for one in spellings
        for at in range(0, len(one), RUN)
    )


@pytest.mark.parametrize("media", INLINE, ids=NAMES)
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_hide_payload_in_any_encoding_leaves_nothing_of_it(media: str, encode: Callable[[str], str]) -> None:
    payload = media.partition(",")[2]
    shown = SentMedia({"image": media}).hide({"message": [f"cannot read {encode(payload)}: bad"]})["message"][0]
    assert shown.startswith("cannot read …")
    assert shown.endswith(": bad")
    assert len(shown) < 60


def test_hide_svg_sent_in_base64_and_quoted_decoded_leaves_nothing_of_it() -> None:
    shown = SentMedia([ENCODED_SVG]).hide(f"bad element in {SVG}!")
    assert shown == "bad element in …!"


@pytest.mark.parametrize(
    "text", ["\\u", "\\u12", "\\uzzzz", "\\", "\\u\n", "%", "%4", "%zz", "&", "&#39", "&lt", "\\ud800"]
)
@pytest.mark.parametrize("place", ["{} QUJD", "QUJD {}", "{}"])
def test_hide_broken_escape_stays_as_it_is(text: str, place: str) -> None:
    quoted = place.format(text)
    assert SentMedia({"image": "data:image/png;base64," + "QUJD" * 50}).hide(quoted) == quoted


@given(
    content=st.binary(min_size=2 * RUN, max_size=300),
    before=st.text(max_size=40),
    after=st.text(max_size=40),
    encode=st.sampled_from([*ENCODINGS.values()]),
)
@settings(deadline=None)
def test_hide_any_content_leaves_no_run_of_it(
    content: bytes, before: str, after: str, encode: Callable[[str], str]
) -> None:
    payload = base64.b64encode(content).decode()
    shown = SentMedia({"image": f"data:image/png;base64,{payload}"}).hide(f"{before} {encode(payload)} {after}")
    assert encode(payload) not in shown
    assert payload[: 2 * RUN] not in shown


@pytest.mark.parametrize(
    "text", ["no media here", "/v1/tasks/t1", "https://x.test/a/very/long/path/that/is/nothing/inline", "", "%", "\\"]
)
def test_hide_text_without_media_is_unchanged(text: str) -> None:
    assert SentMedia({"image": URL_SAFE, "prompt": "a cat"}).hide(text) == text


@pytest.mark.parametrize("media", INLINE, ids=NAMES)
@pytest.mark.parametrize("name", ["image", "prompt", "user", "negative_prompt"])
def test_shown_inline_input_in_any_field_has_no_payload(media: str, name: str) -> None:
    payload = media.partition(",")[2]
    shown = [str(shield({name: media})), repr(Shielded(media)), str(redact({name: media})), str(redact([media]))]
    assert not [text for text in shown if remains(text, payload)]


@pytest.mark.parametrize("media", INLINE, ids=NAMES)
@pytest.mark.parametrize("status", [200, 400, 422, 500])
def test_send_payload_quoted_without_its_head_is_not_in_the_exception(
    media: str, status: int, everything_shown: Any
) -> None:
    payload = media.partition(",")[2]
    for said in (payload, payload[20:], payload[: len(payload) // 2]):
        answer = {"error": {"message": f"cannot decode {said}", "hint": said, "param": said, "seen": [{said: said}]}}
        transport = httpx.MockTransport(lambda _, answer=answer: httpx.Response(status, json=answer))
        with Client("sk-a-key-1234", transport=transport) as client, pytest.raises(LemonDataError) as caught:
            client.send_once(calls.submit_video(VideoRequest.checked(model="m", prompt="p", image=media)))
        assert not remains(everything_shown(caught.value), payload)
