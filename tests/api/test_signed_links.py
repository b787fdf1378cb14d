"""Which part of a link is a secret, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from lemondata_provider.api.errors import LemonDataError, TaskFailedError
from lemondata_provider.api.signed_links import hide_signatures, secrets_of

FILE = "https://x.test/a.mp4"
SECRET = "5d672d79c15b13162d9279b0855cfba6"
VERSION_4 = f"X-Amz-Date=20261126T015757Z&X-Amz-Signature={SECRET}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{FILE}?{VERSION_4}", f"{FILE}?…"),
        (f"{FILE}?page=1&{VERSION_4}#top", f"{FILE}?page=1&…"),
        (f"cannot fetch '{FILE}?{VERSION_4}': 403", f"cannot fetch '{FILE}?…': 403"),
        (f"{FILE}?X-Goog-Signature={SECRET} and {FILE}?sv=1&sig={SECRET}", f"{FILE}?… and {FILE}?…"),
        (f"{FILE}?AWSAccessKeyId=k&amp;Signature={SECRET}&amp;Expires=1", f"{FILE}?…"),
        (f"HTTPS://x.test/a?X-AMZ-SIGNATURE={SECRET}", "HTTPS://x.test/a?…"),
        (f"{FILE}?page=1&expires=2", f"{FILE}?page=1&expires=2"),
        (f"signature={SECRET}", f"signature={SECRET}"),  # of no link: it may be anything
        ("https://", "https://"),
        ("", ""),
    ],
)
def test_hide_signatures_link_keeps_what_names_the_file(text: str, expected: str) -> None:
    assert hide_signatures(text) == expected
    assert hide_signatures(expected) == expected
    assert hide_signatures({"a": [text, 1, None]}) == {"a": [expected, 1, None]}


def test_secrets_of_link_are_all_signing_parameters_and_the_long_values() -> None:
    assert list(secrets_of(f"{FILE}?page=1&{VERSION_4}")) == [VERSION_4, SECRET]
    assert list(secrets_of(f"{FILE}?page={SECRET}")) == []


@pytest.mark.parametrize("error", [LemonDataError, TaskFailedError])
def test_error_that_quotes_a_signed_link_does_not_show_the_signature(
    error: type[LemonDataError], everything_shown: Any
) -> None:
    link = f"{FILE}?{VERSION_4}"
    shown = everything_shown(error(f"cannot fetch {link}", param=link, hints={"seen": [link], link: 1}))
    assert SECRET not in shown
    assert f"{FILE}?…" in shown


def test_error_keeps_the_whole_poll_url() -> None:
    poll_url = f"/v1/tasks/t?sig={SECRET}"
    assert LemonDataError("it broke", poll_url=poll_url).poll_url == poll_url
    assert LemonDataError("it broke", poll_url=f"https://x.test{poll_url}").poll_url == f"https://x.test{poll_url}"
