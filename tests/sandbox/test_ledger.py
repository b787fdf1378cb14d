from __future__ import annotations

import json
from decimal import Decimal

from lemondata_provider.sandbox.ledger import Create, Ledger, Request, without_payloads


def test_ledger_spent_refunded_create_does_not_count():
    ledger = Ledger()
    for number in range(3):
        ledger.charge(Create(str(number), "sora-2", "text-to-video", {}, 1.0, Decimal("0.10")))
    with ledger.entry("1") as entry:
        entry.refunded = True
    assert ledger.spent == Decimal("0.20")
    assert len(ledger.creates) == 3


def test_ledger_requests_kind_and_status_count_matching_requests():
    ledger = Ledger()
    for kind, status in (("create", 200), ("poll", 200), ("poll", 429), ("poll", None)):
        ledger.arrived(Request(kind, "GET", "/", 1.0, status))
    assert ledger.requests() == 4
    assert ledger.requests("poll") == 3
    assert ledger.requests(status=200) == 2
    assert ledger.requests("poll", 429) == 1
    assert ledger.public()["counts"] == {"create 200": 1, "poll 200": 1, "poll 429": 1, "poll no answer": 1}


def test_ledger_public_is_json_and_empty_after_clear():
    ledger = Ledger()
    ledger.charge(Create("1", "sora-2", "text-to-video", {}, 1.0, Decimal("0.10")))
    assert json.loads(json.dumps(ledger.public()))["creates"][0]["cost"] == "0.10"
    ledger.clear()
    assert ledger.public() == {"creates": [], "spent_usd": "0", "counts": {}, "requests": []}


def test_without_payloads_data_urls_are_shortened():
    url = "data:image/png;base64," + "A" * 1000
    short = without_payloads({"image": url, "reference_images": [url, "https://a.example/b.png"], "seed": 1})
    assert short["image"] == "data:image/png;base64,AAAAAAAA… (1022 characters)"
    assert short["reference_images"] == [short["image"], "https://a.example/b.png"]
    assert short["seed"] == 1
