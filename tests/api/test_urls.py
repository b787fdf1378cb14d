from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemondata_provider.api.errors import ConfigurationError
from lemondata_provider.api.urls import DEFAULT_BASE_URL, BaseUrl

# What people paste -> the URL that "/v1/models" becomes.
FORMS = [
    ("https://api.lemondata.cc", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc/v1/videos", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc/v1/videos/generations/", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc/v1/tasks/ldtask_1", "https://api.lemondata.cc/v1/models"),
    ("https://gw.test/lemon/v1/models", "https://gw.test/lemon/v1/models"),
    ("https://gw.test/v1/lemon", "https://gw.test/v1/lemon/v1/models"),
    ("https://api.lemondata.cc/", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc//", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc/v1", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc/v1/", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc//v1//", "https://api.lemondata.cc/v1/models"),
    ("api.lemondata.cc", "https://api.lemondata.cc/v1/models"),
    ("api.lemondata.cc/v1", "https://api.lemondata.cc/v1/models"),
    ("  https://api.lemondata.cc/v1 \n", "https://api.lemondata.cc/v1/models"),
    ("HTTPS://API.LemonData.CC/v1", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc:443/v1", "https://api.lemondata.cc/v1/models"),
    ("https://api.lemondata.cc:/v1", "https://api.lemondata.cc/v1/models"),
    ("http://api.lemondata.cc:80", "http://api.lemondata.cc/v1/models"),
    ("http://api.lemondata.cc:443", "http://api.lemondata.cc:443/v1/models"),
    ("https://api.lemondata.cc:80", "https://api.lemondata.cc:80/v1/models"),
    ("http://localhost:8080", "http://localhost:8080/v1/models"),
    ("localhost:8080/v1", "https://localhost:8080/v1/models"),
    ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1/models"),
    ("http://[::1]:8080/v1", "http://[::1]:8080/v1/models"),
    ("http://[::1]/", "http://[::1]/v1/models"),
    ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443/v1/models"),
    ("https://gw.test/lemon", "https://gw.test/lemon/v1/models"),
    ("https://gw.test/lemon/v1/", "https://gw.test/lemon/v1/models"),
    ("https://gw.test/a/b/v1", "https://gw.test/a/b/v1/models"),
    ("gw.test/lemon", "https://gw.test/lemon/v1/models"),
    ("https://gw.test/v1beta", "https://gw.test/v1beta/v1/models"),
    ("https://gw.test/av1", "https://gw.test/av1/v1/models"),
]


@pytest.mark.parametrize(("text", "url"), FORMS)
def test_base_url_any_spelling_resolves_the_endpoints(text: str, url: str) -> None:
    base = BaseUrl.parse(text)
    assert base.resolve("/v1/models") == url
    assert base.is_same_origin(url)


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_base_url_parsed_from_its_own_text_is_equal(text: str) -> None:
    base = BaseUrl.parse(text)
    assert BaseUrl.parse(str(base)) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "/",
        "https://",
        "https:///v1",
        "https:/api.lemondata.cc",
        "http:/localhost:8080",
        "://api.lemondata.cc",
        "//api.lemondata.cc",
        "ftp://api.lemondata.cc",
        "file:///etc/passwd",
        "https://user:secret@api.lemondata.cc",
        "https://user@api.lemondata.cc",
        "user@api.lemondata.cc",
        "https://api.lemondata.cc?x=1",
        "https://api.lemondata.cc/v1?key=1",
        "https://api.lemondata.cc#top",
        "https://api.lemon data.cc",
        "https://api.lemondata.cc:port",
        "https://api.lemondata.cc:99999",
        "https://api.lemondata.cc:-1",
        "https://[::1",
        "https://::1",
        "https://<host>",
        "'https://api.lemondata.cc'",
        "https://api.lemondata.cc\\v1",
        "https://api..lemondata.cc",
        "https://.lemondata.cc",
        "https://" + "a" * 64 + ".cc",
    ],
)
def test_base_url_malformed_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        BaseUrl.parse(text)
    assert DEFAULT_BASE_URL in str(caught.value)
    assert "\n" not in str(caught.value)


def test_base_url_with_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        BaseUrl.parse("https://user:hunter2@api.lemondata.cc")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "open_to_others"),
    [
        ("http://api.lemondata.cc", True),
        ("http://10.0.0.5:8080", True),
        ("http://localhost.evil.test", True),
        ("http://[2001:db8::1]", True),
        ("https://api.lemondata.cc", False),
        ("http://localhost:8080", False),
        ("http://LOCALHOST", False),
        ("http://127.0.0.1", False),
        ("http://[::1]:8080/gw", False),
    ],
)
def test_is_plain_http_elsewhere_other_machine_is_true(text: str, open_to_others: bool) -> None:
    assert BaseUrl.parse(text).is_plain_http_elsewhere is open_to_others


API, GATEWAY, PORT = "https://api.lemondata.cc/v1", "https://gw.test/lemon/v1", "http://localhost:8080"


@pytest.mark.parametrize(
    ("base", "target", "url"),
    [
        (API, "/v1/tasks/t1", "https://api.lemondata.cc/v1/tasks/t1"),
        (API, "v1/tasks/t1", "https://api.lemondata.cc/v1/tasks/t1"),
        (API, "/v1/tasks/t1/", "https://api.lemondata.cc/v1/tasks/t1/"),
        (API, "/v1/tasks/t1?a=%2F+b&a=&c", "https://api.lemondata.cc/v1/tasks/t1?a=%2F+b&a=&c"),
        (API, "/v1/tasks/t1?to=https://evil.test/", "https://api.lemondata.cc/v1/tasks/t1?to=https://evil.test/"),
        (API, "https://api.lemondata.cc/v1/tasks/t1?x=1", "https://api.lemondata.cc/v1/tasks/t1?x=1"),
        (API, "https://api.lemondata.cc:443/other", "https://api.lemondata.cc:443/other"),
        (API, "HTTPS://API.LEMONDATA.CC/v1/tasks/t1", "HTTPS://API.LEMONDATA.CC/v1/tasks/t1"),
        (GATEWAY, "/v1/tasks/t1?x=1", "https://gw.test/lemon/v1/tasks/t1?x=1"),
        (GATEWAY, "/lemon/v1/tasks/t1?x=1", "https://gw.test/lemon/v1/tasks/t1?x=1"),
        (GATEWAY, "/lemonade/t1", "https://gw.test/lemon/lemonade/t1"),
        (GATEWAY, "/lemon", "https://gw.test/lemon/lemon"),
        (GATEWAY, "https://gw.test/lemon/v1/tasks/t1", "https://gw.test/lemon/v1/tasks/t1"),
        (GATEWAY, "https://gw.test/v1/tasks/t1", "https://gw.test/v1/tasks/t1"),
        (PORT, "http://LocalHost:8080/v1/tasks/t1", "http://LocalHost:8080/v1/tasks/t1"),
        (PORT, "/v1/tasks/t1", "http://localhost:8080/v1/tasks/t1"),
    ],
)
def test_resolve_target_on_same_origin_is_unchanged(base: str, target: str, url: str) -> None:
    assert BaseUrl.parse(base).resolve(target) == url


ELSEWHERE = [
    (API, "https://evil.test/v1/tasks/t1"),
    (API, "https://lemondata.cc/v1/tasks/t1"),
    (API, "https://api.lemondata.cc.evil.test/v1/tasks/t1"),
    (API, "https://xapi.lemondata.cc/v1/tasks/t1"),
    (API, "http://api.lemondata.cc/v1/tasks/t1"),
    (API, "http://api.lemondata.cc:443/v1/tasks/t1"),
    (API, "https://api.lemondata.cc:8443/v1/tasks/t1"),
    (API, "https://api.lemondata.cc:0/v1/tasks/t1"),
    (API, "https://api.lemondata.cc:99999/v1/tasks/t1"),
    (API, "https://api.lemondata.cc@evil.test/v1/tasks/t1"),
    (API, "https://api.lemondata.cc:443@evil.test/v1/tasks/t1"),
    (API, "https://api.lemondata.cc\\@evil.test/v1/tasks/t1"),
    (API, "//evil.test/v1/tasks/t1"),
    (API, "///evil.test/v1/tasks/t1"),
    (API, "ftp://api.lemondata.cc/v1/tasks/t1"),
    (API, "://api.lemondata.cc/v1/tasks/t1"),
    (API, "https://[::1/v1/tasks/t1"),
    (API, "https://\u2100.test/v1/tasks/t1"),
    (PORT, "http://localhost/v1/tasks/t1"),
    (PORT, "http://127.0.0.1:8080/v1/tasks/t1"),
    (PORT, "https://localhost:8080/v1/tasks/t1"),
]


@pytest.mark.parametrize(("base", "target"), ELSEWHERE)
def test_resolve_target_on_other_origin_is_none(base: str, target: str) -> None:
    assert BaseUrl.parse(base).resolve(target) is None
    assert not BaseUrl.parse(base).is_same_origin(target)


@pytest.mark.parametrize("base", [API, GATEWAY, PORT])
@given(target=st.text(st.sampled_from("/\\:@?#.%[] \tahtpsevil") | st.characters(), max_size=30))
def test_resolve_any_target_stays_on_the_same_origin(base: str, target: str) -> None:
    ours = BaseUrl.parse(base)
    url = ours.resolve(target)
    assert url is None or ours.is_same_origin(url)
