from __future__ import annotations

import pytest

from lemondata_provider.api.forecast import Forecast, TaskTimeline

PAUSE = 2.0


def end_as_predicted(forecast: Forecast) -> None:
    """End one task when its progress, in steps of 10, predicted it."""
    timeline = TaskTimeline(0.0)
    forecast.next_poll(timeline, 50, 50.0, PAUSE)
    forecast.next_poll(timeline, 90, 90.0, PAUSE)
    forecast.ended(timeline, 101.0)


def end_long_before_prediction(forecast: Forecast) -> None:
    """End one task long before its progress predicted it."""
    timeline = TaskTimeline(0.0)
    forecast.next_poll(timeline, 10, 10.0, PAUSE)
    forecast.ended(timeline, 30.0)


def forecast_after(right: int = 0, wrong: int = 0) -> Forecast:
    forecast = Forecast()
    for _ in range(right):
        end_as_predicted(forecast)
    for _ in range(wrong):
        end_long_before_prediction(forecast)
    return forecast


@pytest.mark.parametrize(
    ("right", "wrong", "trusts"), [(2, 0, False), (3, 0, True), (3, 1, False), (4, 1, True), (7, 2, False)]
)
def test_trusts_progress_four_of_five_predictions_correct_is_true(right: int, wrong: int, trusts: bool) -> None:
    assert forecast_after(right, wrong).trusts_progress is trusts


def test_trusts_progress_predictions_shortly_before_the_end_do_not_count() -> None:
    forecast = Forecast()
    for _ in range(10):
        timeline = TaskTimeline(0.0)
        forecast.next_poll(timeline, 95, 95.0, PAUSE)
        forecast.ended(timeline, 101.0)
    assert not forecast.trusts_progress


def test_trusts_progress_long_gap_before_the_end_does_not_count() -> None:
    forecast = Forecast()
    for _ in range(10):
        timeline = TaskTimeline(0.0)
        forecast.next_poll(timeline, 49, 49.0, PAUSE)
        forecast.next_poll(timeline, 50, 50.0, PAUSE)
        forecast.ended(timeline, 101.0)
    assert not forecast.trusts_progress


@pytest.mark.parametrize(
    ("forecast", "round_seconds", "pause", "expected"),
    [
        (
            forecast_after(right=2),
            0,
            2,
            (2, False),
        ),  # it ends in 2 to 3 seconds: not exact enough
        (forecast_after(right=2), 30, 2, (3, True)),  # near, and exact enough for many waits
        (forecast_after(right=2), 60, 1, (3, True)),  # near for many waits
        (forecast_after(right=2), 25, 1, (pytest.approx(1.86, abs=0.01), True)),  # not quite so near: checked before
        (forecast_after(right=2), 1, 1, (1, False)),
        (
            forecast_after(right=3),
            0,
            1,
            (pytest.approx(1.86, abs=0.01), False),
        ),  # trusted: waits as long as predicted
        (forecast_after(wrong=1), 30, 2, (3, True)),
        (forecast_after(wrong=2), 30, 2, (2, False)),  # wrong twice
        (forecast_after(right=8, wrong=2), 30, 2, (3, True)),
    ],
)
def test_next_poll_near_end_is_at_the_predicted_end(
    forecast: Forecast, round_seconds: float, pause: float, expected: tuple[float, bool]
) -> None:
    assert forecast.next_poll(TaskTimeline(0.0), 94, 47.0, pause, round_seconds) == expected


def test_next_poll_distant_predictions_checks_one_in_eight_early() -> None:
    forecast = forecast_after(right=8)
    polls = [forecast.next_poll(TaskTimeline(0.0), 50, 50.0, PAUSE, 400.0) for _ in range(16)]
    earliest = 50 * 100 / 60 - 50
    assert polls.count((50.0, True)) == 14
    assert [delay for delay, predicted in polls if predicted and delay != 50.0] == pytest.approx([0.95 * earliest] * 2)


def test_next_poll_distant_end_waits_two_minutes_at_most() -> None:
    """A clock that is set forward makes every task seem old, and its end distant."""
    forecast = forecast_after(right=8)
    polls = {
        forecast.next_poll(TaskTimeline(0.0), 50, 3600.0, PAUSE, round_seconds)
        for round_seconds in (0.0, 4000.0)
        for _ in range(8)
    }
    assert polls == {(120.0, False)}
