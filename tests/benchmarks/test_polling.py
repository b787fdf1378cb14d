"""The arithmetic of the polling benchmark, and its exit code."""

from __future__ import annotations

from statistics import fmean, median

import pytest

from benchmarks.polling_parts.scenarios import (
    MEAN,
    MEASURED,
    MEDIAN,
    WARM_UP,
    burst,
    chance_of,
    generation_times,
    steady,
)
from benchmarks.polling_parts.service import NONE, PROGRESS, TRUTHFUL, Key, Work
from benchmarks.polling_parts.simulation import simulate
from benchmarks.report import Report


def test_generation_times_are_the_distribution_whatever_the_seed() -> None:
    one, other = generation_times(1000, chance_of(1)), generation_times(1000, chance_of(2))
    assert one != other
    assert sorted(one) == sorted(other)
    assert median(one) == pytest.approx(MEDIAN, rel=0.01)
    assert fmean(one) == pytest.approx(MEAN, rel=0.01)


def test_a_steady_load_has_so_many_in_flight() -> None:
    creates = steady(200).arrivals(chance_of(1))
    seconds = generation_times(len(creates), chance_of(1))
    in_flight = sum(at <= 1200 < at + length for at, length in zip(creates, seconds, strict=True))
    assert in_flight == pytest.approx(200, rel=0.2)


def test_a_key_refuses_requests_above_the_limit_and_says_until_when() -> None:
    key = Key(limit=2)
    assert [key.request(at) for at in (0.0, 10.0, 20.0, 30.0)] == [0, 0, 40, 30]
    assert key.request(60.0) == 0
    assert (key.requests, key.refused) == (5, 2)


@pytest.mark.parametrize("progress", PROGRESS)
def test_progress_is_a_percentage_and_ends_with_a_video(progress: str) -> None:
    work = Work("t", 1_800_000_000.0, 100.0, progress)
    shown = [work.answer(work.created + age).get("progress") for age in range(100)]
    assert all(value is None or (isinstance(value, int) and 0 <= value <= 99) for value in shown)
    assert "video_url" not in work.answer(work.ends - 0.1)
    assert work.answer(work.ends)["video_url"]


@pytest.mark.parametrize("progress", [NONE, TRUTHFUL])
def test_simulation_detects_each_end_and_never_before_it(progress: str) -> None:
    outcome = simulate(burst(30), progress)
    assert sorted(outcome.lags) == list(range(30))
    assert min(outcome.lags.values()) >= 0
    assert outcome.refused == 0


def test_simulation_counts_only_what_a_steady_load_creates_after_its_warm_up() -> None:
    arrivals = steady(20).arrivals(chance_of(1))
    counted = {number for number, at in enumerate(arrivals) if WARM_UP <= at + 0.618 < WARM_UP + MEASURED}
    assert set(simulate(steady(20), TRUTHFUL).lags) == counted


@pytest.mark.parametrize(("value", "code"), [(1.0, 0), (1.1, 1)])
def test_report_fails_if_a_bound_is_missed(value: float, code: int) -> None:
    report = Report("Title", "Note")
    report.add("without a bound", 5.0)
    report.add("with one", value, bound=1.0)
    report.add("kept", 0.0, bound=0.0)
    assert report.finish() == code
