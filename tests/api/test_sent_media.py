"""Nothing of an inline input survives in what the service says of it."""

from __future__ import annotations

import base64
import html
import json
import textwrap
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

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
def test_shown_inline_input_in_any_field_has_no_payload(media: str) -> None:
    payload = media.partition(",")[2]
    fields = dict.fromkeys(["image", "prompt", "user", "negative_prompt"], media)
    shown = [str(shield(fields)), repr(Shielded(media)), str(redact(fields)), str(redact([media]))]
    assert not [text for text in shown if remains(text, payload)]


SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
VERSION_2 = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1764126000"
VERSION_4 = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261126T015757Z&X-Amz-Signature={SIGNATURE}"
AZURE = "sv=2024-11-04&se=2026-11-26T02%3A57%3A57Z&sr=b&sp=r&sig=NpgCjnDzrM%2BWFzoENXmpNDUsSn8NpgCjnDzrM%2BWFzoE%3D"
QUERIES = [VERSION_2, VERSION_4, AZURE]


def signature_of(query: str) -> str:
    return max((part.partition("=")[2] for part in query.split("&")), key=len)


@pytest.mark.parametrize("query", QUERIES, ids=["S3 version 2", "S3 version 4", "Azure"])
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_hide_signature_of_a_sent_link_in_any_encoding_leaves_nothing_of_it(
    query: str, encode: Callable[[str], str]
) -> None:
    sent = SentMedia({"video_urls": [f"https://x.test/a.mp4?{query}"]})
    for quoted in (query, f"https://x.test/a.mp4?{query}"):
        shown = sent.hide(f"cannot fetch {encode(quoted)}: 403")
        assert encode(quoted) not in shown
        assert encode(signature_of(query))[-12:] not in shown
        assert shown.endswith(": 403")


@pytest.mark.parametrize("query", QUERIES, ids=["S3 version 2", "S3 version 4", "Azure"])
def test_hide_signature_quoted_by_itself_is_replaced(query: str) -> None:
    secret = signature_of(query)
    for quoted in (secret, unquote(secret)):
        assert SentMedia([f"https://x.test/a.mp4?{query}"]).hide(f"bad {quoted}.") == "bad …."


def test_hide_link_without_a_signature_is_unchanged() -> None:
    text = "cannot fetch https://x.test/a.mp4?page=1&expires=never&version=12345678901234567890123456789012"
    assert not SentMedia({"video_url": text.rpartition(" ")[2]})
    assert SentMedia({"video_url": text.rpartition(" ")[2], "image": URL_SAFE}).hide(text) == text


@pytest.mark.parametrize("query", QUERIES, ids=["S3 version 2", "S3 version 4", "Azure"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_send_signed_link_quoted_by_the_service_is_not_in_the_exception(
    query: str, status: int, everything_shown: Any
) -> None:
    link, secret = f"https://x.test/a.mp4?{query}", signature_of(query)
    for said in (link, link[:-4], secret, unquote(secret), query.partition("&")[2]):
        answer = {"error": {"message": f"cannot fetch {said}", "hint": said, "param": said, "seen": [{said: said}]}}
        transport = httpx.MockTransport(lambda _, answer=answer: httpx.Response(status, json=answer))
        with Client("sk-a-key-1234", transport=transport) as client, pytest.raises(LemonDataError) as caught:
            client.send_once(calls.submit_video(VideoRequest.checked(model="m", video_url=link)))
        shown = everything_shown(caught.value)
        assert secret[4:16] not in shown
        assert unquote(secret)[4:16] not in shown


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
