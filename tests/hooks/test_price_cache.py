from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from lemondata_provider.api.errors import ConnectionFailedError, LemonDataError
from lemondata_provider.api.models import ModelPrice
from lemondata_provider.api.prices import estimate
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.price_cache import NO_PRICE_TTL, PRICE_TTL, PriceCache, ask

CLIP = VideoRequest.checked(prompt="a", duration=8)
PRICES = [ModelPrice(model="m", per_second=Decimal("0.10"))]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hook(sandbox, tmp_path: Path, clock: Clock) -> LemonDataHook:
    found = LemonDataHook()
    found.price_cache = PriceCache(tmp_path / "prices", clock)  # type: ignore[misc] # of this hook only
    return found


@pytest.mark.parametrize("form", ["new", "old"])
def test_an_estimate_follows_from_either_form_of_the_prices(sandbox, hook, form):
    sandbox.configure(pricing_form=form)
    assert hook.estimate_cost(CLIP) == Decimal("0.80")
    assert hook.estimate_cost(VideoRequest.checked(model="kling-v2.6-pro", prompt="a")) == Decimal("0.40")
    upscale = VideoRequest.checked(model="topaz-video-upscale", video_url="https://x.test/v.mp4")
    assert hook.estimate_cost(upscale) is None


def test_a_price_is_asked_for_once_in_some_minutes(sandbox, hook, clock):
    for _ in range(3):
        hook.estimate_cost(CLIP)
    assert [call.path for call in sandbox.ledger.calls] == ["/v1/models/sora-2/pricing"]
    clock.now += PRICE_TTL + 1
    hook.estimate_cost(CLIP)
    assert sandbox.ledger.requests() == 2


def test_the_next_process_knows_what_this_one_asked(sandbox, hook, clock, tmp_path):
    hook.estimate_cost(CLIP)
    another = LemonDataHook()
    another.price_cache = PriceCache(tmp_path / "prices", clock)
    assert another.estimate_cost(CLIP) == Decimal("0.80")
    assert sandbox.ledger.requests() == 1
    [file] = (tmp_path / "prices").iterdir()
    assert sandbox.api_key not in file.name + file.read_text()


def test_prices_of_another_key_or_service_are_not_mixed_up(tmp_path, clock):
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
def test_a_file_that_cannot_be_read_is_no_price(tmp_path, clock, text):
    PriceCache(tmp_path, clock).put("u", "k", "m", PRICES)
    next(tmp_path.iterdir()).write_text(text)
    assert PriceCache(tmp_path, clock).get("u", "k", "m") is None


def test_without_a_folder_that_can_be_written_this_process_remembers(tmp_path, clock):
    (tmp_path / "file").touch()
    cache = PriceCache(tmp_path / "file" / "prices", clock)
    cache.put("u", "k", "m", PRICES)
    assert cache.get("u", "k", "m") == PRICES


def test_a_home_of_nobody_is_no_reason_to_fail(tmp_path, monkeypatch, clock):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_HOME", "~nosuchuser/airflow")
    cache = PriceCache(clock=clock)
    cache.put("u", "k", "m", PRICES)
    assert cache.get("u", "k", "m") == PRICES
    cache.clear()
    assert cache.get("u", "k", "m") is None


def test_a_folder_that_cannot_be_told_is_no_reason_to_fail(monkeypatch, clock):
    def nowhere(_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(PriceCache, "folder", property(nowhere))
    cache = PriceCache(clock=clock)
    assert cache.get("u", "k", "m") is None
    cache.put("u", "k", "m", PRICES)
    assert cache.get("u", "k", "m") == PRICES
    cache.clear()
    assert cache.get("u", "k", "m") is None


def test_a_draft_that_could_not_be_finished_is_not_left_behind(tmp_path, monkeypatch, clock):
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    PriceCache(tmp_path, clock).put("u", "k", "m", PRICES)
    assert list(tmp_path.iterdir()) == []


def told(*offers: dict[str, object]) -> dict[str, object]:
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
def test_a_price_that_cannot_be_read_is_not_left_out_beside_one_that_can(other):
    answer = told({"per_request": "0.10"}, other)
    prices = ask(lambda call: call.read(answer), "m")
    assert len(prices) == 2
    assert estimate(prices, 8).usd is None


def test_where_one_endpoint_tells_no_price_that_can_be_read_the_other_is_asked():
    answers = {"/v1/models/m/pricing": told({"per_request": "$9"}), "/v1/pricing": told({"per_request": "9"})}
    prices = ask(lambda call: call.read(answers[call.url]), "m")
    assert estimate(prices, 8).usd == Decimal(9)
    assert ask(lambda call: call.read(told({"per_request": "$9"})), "m") == []


def test_that_no_price_is_told_is_known_to_all_for_a_minute(monkeypatch, sandbox, hook, clock):
    asked = []
    monkeypatch.setattr("lemondata_provider.hooks.lemondata.ask", lambda _, model: asked.append(model) or [])
    for patient in (True, True, False):
        assert hook.get_prices("sora-2", patient=patient) == []
    hook.price_cache = PriceCache(hook.price_cache.folder, clock)
    assert hook.get_prices("sora-2") == []
    assert asked == ["sora-2"]
    clock.now += NO_PRICE_TTL + 1
    hook.get_prices("sora-2")
    assert len(asked) == 2


def test_a_model_that_the_service_does_not_know_has_no_price(sandbox, hook):
    assert hook.estimate_cost(VideoRequest.checked(model="sora-9", prompt="a")) is None
    assert sandbox.ledger.requests("models") == 1


def test_where_one_endpoint_is_missing_the_other_is_asked(sandbox, hook):
    sandbox.fault("error", on="models", status=404, code="not_found")
    assert hook.estimate_cost(CLIP) == Decimal("0.80")
    assert [call.path for call in sandbox.ledger.calls] == ["/v1/models/sora-2/pricing", "/v1/pricing"]


def test_who_does_not_need_a_price_asks_once_and_not_again_for_a_minute(sandbox, hook, clock):
    sandbox.fault("error", on="models", status=503, times=-1)
    for _ in range(3):
        assert hook.get_prices("sora-2", patient=False) == []
    assert sandbox.ledger.requests() == 1
    clock.now += NO_PRICE_TTL + 1
    hook.get_prices("sora-2", patient=False)
    assert sandbox.ledger.requests() == 2


def test_who_needs_a_price_hears_why_there_is_none(sandbox, hook):
    sandbox.fault("error", on="models", status=401, code="invalid_api_key", times=-1)
    assert hook.get_prices("sora-2", patient=False) == []
    with pytest.raises(LemonDataError, match="invalid_api_key"):
        hook.estimate_cost(CLIP)


def test_a_slow_price_holds_nobody_up_who_does_not_need_it(monkeypatch, sandbox, hook):
    connection = json.loads(sandbox.connection_uri)
    monkeypatch.setenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", json.dumps({**connection, "extra": {"timeout": 0.2}}))
    sandbox.configure(answer_delay=2.0)
    assert hook.get_prices("sora-2", patient=False) == []


def test_the_inventory_is_listed_and_looked_up(sandbox, hook):
    assert len(hook.list_models()) == len(hook.list_models(recommended_for="video")) > 30
    assert hook.list_models(category="image") == []
    assert hook.get_model("sora-2").public_contract["allowed_durations"] == [4, 8, 12]


def test_an_inventory_without_a_connection_is_an_error(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_LEMONDATA_DEFAULT", raising=False)
    with pytest.raises((LemonDataError, ConnectionFailedError)):
        LemonDataHook().list_models()
