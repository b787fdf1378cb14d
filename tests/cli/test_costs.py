from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from lemondata_provider.api.calls import submit_video
from lemondata_provider.api.errors import ConfigurationError
from lemondata_provider.api.management import Balance, UsageRow
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.cli import costs
from lemondata_provider.cli.costs import UnknownSubmit, balance, unknown
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.record import Record
from lemondata_provider.operators.video import SubmitVideoOperator

ARGS = Namespace(conn_id="lemondata_default")
NOW = datetime.now(timezone.utc)


@pytest.mark.parametrize("fields", [{"balance": 1.5}, {"balance": 1, "balance_decimal": "1.5"}, {"balance": "1.50"}])
def test_balance_read_prefers_the_decimal_string(fields: dict[str, Any]) -> None:
    assert Balance.read(fields).balance == Decimal("1.5")


@pytest.mark.parametrize("row", [{}, {"cost": None, "created_at": "yesterday", "model": 5}])
def test_usage_row_read_tolerates_missing_and_wrong_fields(row: dict[str, Any]) -> None:
    assert UsageRow.read(row).cost_usd is None


def test_balance_with_a_token_is_printed(managed: Any) -> None:
    assert balance(ARGS) == "Balance: 1000 USD, used: 0 USD"


def test_balance_without_a_token_says_what_is_missing(sandbox: Any) -> None:
    with pytest.raises(SystemExit, match="has no extra management_token"):
        balance(ARGS)


def test_get_usage_has_the_cost_of_a_submit_by_its_ids(managed: Any, context: Any) -> None:
    submitted = SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="x", duration=4).execute(context)
    (row,) = LemonDataHook().get_usage(NOW - timedelta(minutes=1))
    assert (row.model, row.cost_usd) == ("veo3.1-fast", Decimal("0.60"))
    assert submitted["task_id"] == managed.ledger.creates[0].id
    assert row.request_id == managed.ledger.creates[0].request_id


def test_get_usage_more_than_one_page_returns_all_rows(managed: Any) -> None:
    with LemonDataHook().get_conn() as client:
        for number in range(101):
            client.send(submit_video(VideoRequest.checked(model="veo3.1-fast", prompt=str(number), duration=4)))
    assert len(LemonDataHook().get_usage(NOW - timedelta(minutes=1))) == 101


def test_unknown_lists_each_submit_beside_the_charges_that_could_be_it(managed: Any, context: Any) -> None:
    SubmitVideoOperator(task_id="clip", model="veo3.1-fast", prompt="x", duration=4).execute(context)
    lost = UnknownSubmit("d t r", "veo3.1-fast", NOW)
    other = UnknownSubmit("d t r2", "wan-2.6", NOW)
    printed = unknown(ARGS, lambda: [lost, other]).splitlines()
    (charged,) = [line for line in printed if line.startswith("d t r ")]
    (free,) = [line for line in printed if line.startswith("d t r2")]
    assert managed.ledger.creates[0].request_id in charged
    assert "0.60" in charged
    assert "req_" not in free
    assert "adopt" in "\n".join(printed)


def test_unknown_without_a_token_lists_the_submits_and_says_what_is_missing(sandbox: Any) -> None:
    printed = unknown(ARGS, lambda: [UnknownSubmit("d t r", "wan-2.6", NOW)])
    assert "d t r" in printed
    assert "has no extra management_token" in printed


def test_unknown_without_any_submit_says_so(sandbox: Any) -> None:
    assert unknown(ARGS, list) == "There is no submit whose outcome is unknown."


def test_unknown_submits_reads_intents_and_unreadable_records_only(monkeypatch: pytest.MonkeyPatch) -> None:
    intent = Record({"prompt": "x"}, max_tries=2, deadline=4e9, model="wan-2.6")
    task = Record({"prompt": "x"}, 2, 4e9, task_id="ldtask_1", poll_url="/v1/tasks/ldtask_1", answered=True)
    values = [json.dumps(intent.to_json()), json.dumps(task.to_json()), "{}"]
    rows = [
        SimpleNamespace(dag_id="d", task_id="t", run_id=f"r{number}", map_index=number - 1, value=value, updated_at=NOW)
        for number, value in enumerate(values)
    ]
    found = [costs._unknown(row) for row in rows]
    assert [submit and submit.arguments for submit in found] == ["d t r0", None, "d t r2 --map-index 1"]


def test_management_token_is_shown_nowhere(managed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    token = managed.service.settings.management_token
    hook = LemonDataHook()
    assert token not in repr(hook._look_up())
    connection = json.loads(managed.connection_uri)
    monkeypatch.setenv(
        "AIRFLOW_CONN_LEMONDATA_DEFAULT", json.dumps({**connection, "extra": {"management_token": "mt- secret"}})
    )
    with pytest.raises(ConfigurationError, match="management_token has white space") as refused:
        hook.get_balance()
    assert "secret" not in str(refused.value)


def test_unknown_submits_of_a_real_database_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("airflow.models.task_state_store", reason="this Airflow has no task state store")
    row = SimpleNamespace(
        dag_id="d",
        task_id="t",
        run_id="r",
        map_index=-1,
        updated_at=NOW,
        value=json.dumps(Record({"prompt": "x"}, max_tries=2, deadline=4e9, model="wan-2.6").to_json()),
    )

    class Session:
        def scalars(self, query: Any) -> Any:
            assert "task_state_store" in str(query)
            return SimpleNamespace(all=lambda: [row])

    @contextmanager
    def session() -> Iterator[Session]:
        yield Session()

    monkeypatch.setattr(costs, "create_session", session)
    assert [submit.model for submit in costs.unknown_submits()] == ["wan-2.6"]
