from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.models import ModelPrice
from lemondata_provider.api.prices import estimate
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.price_cache import NO_PRICE_TTL, PRICE_TTL, PriceCache, ask

CLIP = VideoRequest.checked(model="sora-2", prompt="a", duration=8)
PRICES = [ModelPrice(model="m", per_second=Decimal("0.10"))]


class ManualClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def hook(sandbox, tmp_path: Path, clock: ManualClock) -> LemonDataHook:
    hook = LemonDataHook()
    hook.price_cache = PriceCache(tmp_path / "prices", clock)  # type: ignore[misc] # of this hook only
    return hook


@pytest.mark.parametrize("form", ["new", "old"])
def test_estimate_cost_each_form_of_prices_is_the_same(sandbox, hook, form):
    sandbox.configure(pricing_form=form)
    assert hook.estimate_cost(CLIP) == Decimal("0.80")
    assert hook.estimate_cost(VideoRequest.checked(model="kling-v2.6-pro", prompt="a")) == Decimal("0.40")
    upscale = VideoRequest.checked(model="topaz-video-upscale", video_url="https://x.test/v.mp4")
    assert hook.estimate_cost(upscale) is None


def test_price_cache_until_ttl_sends_one_request(sandbox, hook, clock):
    for _ in range(3):
        hook.estimate_cost(CLIP)
    assert [call.path for call in sandbox.ledger.calls] == ["/v1/models/sora-2/pricing"]
    clock.now += PRICE_TTL + 1
    hook.estimate_cost(CLIP)
    assert sandbox.ledger.requests() == 2


def test_price_cache_next_process_reads_the_file(sandbox, hook, clock, tmp_path):
    hook.estimate_cost(CLIP)
    another = LemonDataHook()
    another.price_cache = PriceCache(tmp_path / "prices", clock)  # type: ignore[misc] # of this hook only
    assert another.estimate_cost(CLIP) == Decimal("0.80")
    assert sandbox.ledger.requests() == 1
    [file] = (tmp_path / "prices").iterdir()
    assert sandbox.api_key not in file.name + file.read_text()


def test_price_cache_another_key_or_base_url_is_not_cached(tmp_path, clock):
    cache = PriceCache(tmp_path, clock)
    cache.put("https://a", "k", "m", PRICES)
    assert cache.get("https://a", "k", "m") == PRICES
    for other in (("https://b", "k", "m"), ("https://a", "l", "m"), ("https://a", "k", "n")):
        assert cache.get(*other) is None


BROKEN = [
    *("", "[]", '{"until": "x", "prices": []}', '{"until": 9e99, "prices": []}', '{"until": 1001}'),
    *('{"until": 1' + 400 * "0" + ', "prices": []}', "[" * 100_000),
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_price_cache_broken_file_is_not_cached(tmp_path, clock, text):
    PriceCache(tmp_path, clock).put("u", "k", "m", PRICES)
    next(tmp_path.iterdir()).write_text(text)
    assert PriceCache(tmp_path, clock).get("u", "k", "m") is None


@pytest.mark.parametrize("kind", ["pipe", "endless device", "folder"])
def test_price_cache_no_regular_file_is_not_cached_and_does_not_hang(tmp_path, clock, kind):
    PriceCache(tmp_path, clock).put("b", "k", "m", [])
    (path,) = tmp_path.glob("*.json")
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "endless device" else tmp_path)
    assert PriceCache(tmp_path, clock).get("b", "k", "m") is None


def test_price_cache_folder_not_writable_caches_in_memory(tmp_path, clock):
    (tmp_path / "file").touch()
    cache = PriceCache(tmp_path / "file" / "prices", clock)
    cache.put("u", "k", "m", PRICES)
    assert cache.get("u", "k", "m") == PRICES


def test_price_cache_unknown_home_caches_in_memory(tmp_path, monkeypatch, clock):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_HOME", "~nosuchuser/airflow")
    cache = PriceCache(clock=clock)
    cache.put("u", "k", "m", PRICES)
    assert cache.get("u", "k", "m") == PRICES


def test_price_cache_write_fails_leaves_no_draft(tmp_path, clock):
    cache = PriceCache(tmp_path, clock)
    cache.put("u", "k", "m", PRICES)
    [file] = tmp_path.iterdir()
    file.unlink()
    file.mkdir()
    cache.put("u", "k", "m", PRICES)
    assert list(tmp_path.iterdir()) == [file]


def price_list(*offers: dict[str, object]) -> dict[str, object]:
    return {"object": "list", "data": [{"model": "m", "pricing": offer} for offer in offers]}


@pytest.mark.parametrize(
    "other",
    [
        {"pricing_unit": "per_token", "per_request": "9"},
        {"has_complex_pricing": True},
        {"per_request": "$9.00"},
        {"per_request": "0.01", "per_second": "5"},
    ],
)
def test_ask_unreadable_price_next_to_a_readable_one_is_kept(other):
    answer = price_list({"per_request": "0.10"}, other)
    prices = ask(lambda call: call.read(answer), "m")
    assert len(prices) == 2
    assert estimate(prices, 8).usd is None


def test_ask_unreadable_price_falls_back_to_the_price_list():
    answers = {
        "/v1/models/m/pricing": price_list({"per_request": "$9"}),
        "/v1/pricing": price_list({"per_request": "9"}),
    }
    prices = ask(lambda call: call.read(answers[call.url]), "m")
    assert estimate(prices, 8).usd == Decimal(9)
    assert ask(lambda call: call.read(price_list({"per_request": "$9"})), "m") == []


def test_get_prices_no_price_is_cached_for_a_minute(sandbox, hook, clock):
    for patient in (True, True, False):
        assert hook.get_prices("sora-9", patient=patient) == []
    hook.price_cache = PriceCache(hook.price_cache.folder, clock)
    assert hook.get_prices("sora-9") == []
    assert sandbox.ledger.requests() == 1
    clock.now += NO_PRICE_TTL + 1
    hook.get_prices("sora-9")
    assert sandbox.ledger.requests() == 2


def test_estimate_cost_unknown_model_is_none(sandbox, hook):
    assert hook.estimate_cost(VideoRequest.checked(model="sora-9", prompt="a")) is None
    assert sandbox.ledger.requests("models") == 1


def test_estimate_cost_endpoint_missing_falls_back_to_the_price_list(sandbox, hook):
    sandbox.fault("error", on="models", status=404, code="not_found")
    assert hook.estimate_cost(CLIP) == Decimal("0.80")
    assert [call.path for call in sandbox.ledger.calls] == ["/v1/models/sora-2/pricing", "/v1/pricing"]


def test_get_prices_impatient_after_an_error_sends_no_request_for_a_minute(sandbox, hook, clock):
    sandbox.fault("error", on="models", status=503, times=-1)
    for _ in range(3):
        with pytest.raises(LemonDataError):
            hook.get_prices("sora-2", patient=False)
    assert sandbox.ledger.requests() == 1
    clock.now += NO_PRICE_TTL + 1
    with pytest.raises(LemonDataError):
        hook.get_prices("sora-2", patient=False)
    assert sandbox.ledger.requests() == 2


def test_estimate_cost_refused_key_raises(sandbox, hook):
    sandbox.fault("error", on="models", status=401, code="invalid_api_key", times=-1)
    for patient in (False, True):
        with pytest.raises(LemonDataError, match="invalid_api_key"):
            hook.get_prices("sora-2", patient=patient)


def test_get_prices_impatient_slow_answer_times_out(monkeypatch, sandbox, hook):
    connection = json.loads(sandbox.connection_uri)
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", json.dumps({**connection, "extra": {"timeout": 0.2}}))
    sandbox.configure(answer_delay=2.0)
    with pytest.raises(LemonDataError, match=r"timeout|timed out"):
        hook.get_prices("sora-2", patient=False)
