"""Dashboard, alerts and mapping in docs/observability name each metric of the code, and no other."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # no stubs are installed

from tests.docs.markdown import ROOT, rows, text

FOLDER = ROOT / "docs" / "observability"
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
MAPPINGS = yaml.safe_load((FOLDER / "statsd-mapping.yaml").read_text())["mappings"]
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def metrics_in(expression: str) -> set[str]:
    return {name.removesuffix("_bucket") for name in re.findall(r"airflow_lemondata_\w+", expression)}


def test_mapping_has_exactly_the_metrics_of_the_reference() -> None:
    documented = {
        name.strip("`"): kind
        for name, kind, *_ in (row for row in rows(text("docs/reference/metrics.md")) if len(row) == 4)
    }
    mapped = {mapping["match"].removeprefix("airflow."): mapping for mapping in MAPPINGS}
    assert mapped.keys() == documented.keys()
    for name, kind in documented.items():
        assert mapped[name]["name"].endswith("_total") == (kind == "counter"), name
        assert ("observer_type" in mapped[name]) == (kind == "timer"), name


def test_dashboard_shows_each_metric_and_no_other() -> None:
    assert set().union(*map(metrics_in, EXPRESSIONS)) == {mapping["name"] for mapping in MAPPINGS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_names_known_metrics_and_says_what_to_do_about_the_money(alert: dict[str, Any]) -> None:
    known = {mapping["name"] for mapping in MAPPINGS}
    assert set() < metrics_in(alert["expr"]) <= known
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert re.match(r"Money: .+ Do: .+", alert["annotations"]["description"])
    assert alert["annotations"]["summary"]


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *(alert["expr"] for alert in ALERTS)])
def test_expression_closes_what_it_opens_and_takes_rates_of_counters_only(expression: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)
    changing = re.findall(r"(?:rate|increase)\((\w+)\[", expression)
    assert all(name.endswith(("_total", "_bucket")) for name in changing)


def test_alert_table_has_exactly_the_alerts_with_their_severities() -> None:
    table = {name.strip("`"): severity for name, severity, *_ in rows(text("docs/how-to/observability.md"))}
    assert table == {alert["alert"]: alert["labels"]["severity"] for alert in ALERTS}


def test_dashboard_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
