"""What a forecast never learns from, and how late a first poll can come."""

from __future__ import annotations

import pytest

from lemondata_provider.api.forecast import MAX_FIRST_POLL, MAX_SAMPLES, MIN_SAMPLES, Forecast, TaskTimeline

PAUSE = 2.0
CREATED = 1_000_000.0


def observe(forecast: Forecast, age: float) -> None:
    """End enough tasks at an age that a poll had found unfinished a second before."""
    for _ in range(MIN_SAMPLES):
        forecast.ended(TaskTimeline(CREATED, unfinished=CREATED + age - 1), CREATED + age)


@pytest.mark.parametrize("reported_age", [None, 7200.0, 1e9])
def test_first_poll_after_hours_without_a_triggerer_is_not_learned_from(reported_age: float | None) -> None:
    forecast = Forecast()
    observe(forecast, 60.0)
    before = forecast.early_quantile()
    for _ in range(MAX_SAMPLES):
        timeline = TaskTimeline(CREATED)
        restarted = CREATED + 7200
        forecast.ended(timeline, restarted + forecast.first_poll(timeline, restarted, PAUSE), reported_age)
    assert forecast.early_quantile() == before


def test_first_poll_that_came_hours_after_its_plan_is_not_learned_from() -> None:
    forecast = Forecast()
    for _ in range(MIN_SAMPLES):
        timeline = TaskTimeline(CREATED)
        forecast.first_poll(timeline, CREATED, PAUSE)
        forecast.ended(timeline, CREATED + 7200)
    assert forecast.early_quantile() is None


@pytest.mark.parametrize("age", [600.0, 86_400.0, 1e9])
def test_first_poll_of_any_learned_age_comes_within_two_minutes(age: float) -> None:
    forecast = Forecast()
    observe(forecast, age)
    assert forecast.first_poll(TaskTimeline(CREATED), CREATED, PAUSE) == MAX_FIRST_POLL
    assert forecast.first_poll(TaskTimeline(None), CREATED, PAUSE) <= MAX_FIRST_POLL


def test_forecast_that_does_not_learn_predicts_nothing_from_other_tasks() -> None:
    forecast = Forecast(learns=False)
    observe(forecast, 60.0)
    assert forecast.early_quantile() is None
    assert not forecast.trusts_progress
