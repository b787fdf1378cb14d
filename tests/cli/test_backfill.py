from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timezone
from typing import Any

import pytest

from lemondata_provider.api.errors import APIError, AuthenticationError, ConfigurationError, LemonDataError
from lemondata_provider.api.models import ModelPrice
from lemondata_provider.cli import backfill, get_commands
from lemondata_provider.cli.plan import Clip


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (APIError("500"), [None, "0.4"]),
        (AuthenticationError("401"), [None, None]),
        (ConfigurationError("no"), [None] * 2),
    ],
    ids=["of a model", "of a key", "of a connection"],
)
def test_appraise_connection_error_leaves_its_models_without_price(monkeypatch, error: LemonDataError, left: list[Any]):
    asked = []

    class Hook:
        def __init__(self, conn_id: str) -> None: ...

        def get_prices(self, model: str) -> list[ModelPrice]:
            asked.append(model)
            if model == "bad":
                raise error
            return [ModelPrice(model=model, per_request="0.4")]

    monkeypatch.setattr(backfill, "CommandLineHook", Hook)
    facts = backfill.ConnectionFacts()
    first = [facts.appraise("c", Clip(model, 4)) for model in ("bad", "sora-2")]
    assert [one.usd and str(one.usd) for one in first] == left
    assert str(error) in facts.appraise("c", Clip("bad", 4)).reason
    assert asked.count("bad") == 1
    assert str(facts.appraise("d", Clip("sora-2", 4)).usd) == "0.4"


@pytest.mark.parametrize(("first", "last"), [("--from", "--to"), ("--from-date", "--to-date")])
def test_plan_arguments_take_the_names_of_airflows_backfill_too(first: str, last: str):
    group: Any = get_commands()[0]
    (plan,) = [command for command in group.subcommands if command.name == "plan"]
    parser = ArgumentParser()
    for argument in plan.args:
        argument.add_to_parser(parser)
    given = parser.parse_args(["daily", first, "2026-02-01", last, "2026-02-07"])
    dates = [datetime(2026, 2, day, tzinfo=timezone.utc) for day in (1, 7)]
    assert [given.from_date, given.to_date] == dates
