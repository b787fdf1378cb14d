from __future__ import annotations

import pytest

from lemondata_provider.operators.fingerprint import fingerprint

FILE = "https://x.test/render?file=cat.png"
SIGNED = [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={n}&X-Amz-Credential=k&X-Amz-Signature={n}",
    "X-Goog-Date={n}&X-Goog-Expires=60&X-Goog-Signature={n}",
    "Expires={n}&Signature={n}&Key-Pair-Id=K",
    "Policy={n}&Signature={n}&Key-Pair-Id=K",
    "AWSAccessKeyId=K&Expires={n}&Signature={n}",
    "GoogleAccessId=k&Expires={n}&Signature={n}",
    "AWSAccessKeyId=K&Expires={n}&Signature={n}&x-amz-security-token={n}",
    "OSSAccessKeyId=k&Expires={n}&Signature={n}",
    "sv=2024&st={n}&se={n}&sr=b&sp=r&sig={n}",
    "x-amz-signature={n}",
]


@pytest.mark.parametrize("signature", SIGNED)
def test_fingerprint_links_with_another_signature_are_equal(signature: str) -> None:
    first, second = (
        fingerprint({"image_url": f"{FILE}&{signature.format(n=n)}", "deep": [{"u": f"{FILE}&sig={n}&se={n}"}]})
        for n in (1, 2)
    )
    assert first == second == fingerprint({"image_url": FILE, "deep": [{"u": FILE}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("?file=cat.png", "?file=dog.png"),
        ("?id=1", "?id=2"),
        ("?v=1", ""),
        ("?file=cat.png&X-Amz-Signature=1", "?file=dog.png&X-Amz-Signature=1"),
        ("?se=1", "?se=2"),  # no signature beside it: it may be anything
        ("?expires=1", "?expires=2"),
        ("?policy=1", "?policy=2"),
        ("?sp=1&sr=2", "?sp=2&sr=2"),
        ("/a", "/b"),
    ],
)
def test_fingerprint_links_that_differ_in_anything_else_differ(one: str, other: str) -> None:
    for name in ("image_url", "video_url", "a_field_of_tomorrow"):
        first, second = (fingerprint({name: f"https://x.test/render{query}"}) for query in (one, other))
        assert first != second


def test_fingerprint_list_item_that_changes_differs() -> None:
    one, other = (fingerprint({"image_urls": [f"{FILE}&page=1", f"{FILE}&page={n}"]}) for n in (2, 3))
    assert one != other


@pytest.mark.parametrize("path", ["s3://{}bucket/a@b.png", "gs://{}bucket/a.png", "abfs://{}box/a.png", "file://{}/a"])
def test_fingerprint_files_with_another_connection_are_equal(path: str) -> None:
    one, other, none = (
        fingerprint(
            {
                "image_url": path.format(conn),
                "image_urls": [path.format(conn)],
                "kling_elements": [{"name": "a", "element_input_urls": [path.format(conn)]}],
            }
        )
        for conn in ("one@", "other@", "")
    )
    assert one == other == none


def test_fingerprint_other_files_and_other_fields_differ() -> None:
    first = fingerprint({"image_url": "s3://aws@bucket/a.png"})
    assert first != fingerprint({"image_url": "s3://aws@bucket/b.png"})
    assert first != fingerprint({"image_url": "s3://aws@other/a.png"})
    for name in ("prompt", "a_field_of_tomorrow"):
        one, other = (fingerprint({name: f"s3://{conn}@bucket/a.png"}) for conn in ("one", "other"))
        assert one != other


def test_fingerprint_fragment_does_not_count() -> None:
    assert fingerprint({"image_url": f"{FILE}#a"}) == fingerprint({"image_url": FILE})


def test_fingerprint_prompt_with_a_link_keeps_its_query() -> None:
    one, other = (fingerprint({"prompt": f"https://brand.example/style? a {animal}"}) for animal in ("cat", "dog"))
    assert one != other
    assert fingerprint({"prompt": "https://[draft] a cat", "newer_url": "https://[draft]?x"})
