"""The benchmark's own arithmetic: what it compares is only as good as what it computes itself."""

from __future__ import annotations

import random
from statistics import fmean, median

import pytest

from benchmarks.polling_parts import bounds
from benchmarks.polling_parts.policies import MIN_INTERVAL_SHARE, Ours, Plain, Policy, RoundRobin
from benchmarks.polling_parts.scenarios import MEAN, MEDIAN, Scenario, burst, chance_of, generation_times, steady
from benchmarks.polling_parts.service import PROGRESS, TRUTHFUL, Key, Work
from benchmarks.polling_parts.simulation import simulate
from lemondata_provider.triggers import poll_hub


def test_simulated_and_real_hub_have_the_same_pause() -> None:
    assert MIN_INTERVAL_SHARE == poll_hub.MIN_INTERVAL_SHARE


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


def test_a_key_refuses_what_is_too_much_and_says_until_when() -> None:
    key = Key(limit=2)
    assert [key.create(0.0), key.poll(10.0), key.poll(20.0), key.create(30.0)] == [0, 0, 40, 30]
    assert key.poll(60.0) == 0
    assert (key.polls, key.polls_refused, key.creates_refused) == (3, 1, 1)


@pytest.mark.parametrize("progress", PROGRESS)
def test_progress_is_a_percentage_and_ends_with_a_video(progress: str) -> None:
    work = Work("t", 1_800_000_000.0, 100.0, progress)
    told = [work.answer(work.created + age).get("progress") for age in range(100)]
    assert all(value is None or (isinstance(value, int) and 0 <= value <= 99) for value in told)
    assert "video_url" not in work.answer(work.ends - 0.1)
    assert work.answer(work.ends)["video_url"]


@pytest.mark.parametrize("policy", [Plain, RoundRobin, Ours])
def test_a_policy_notices_everything_and_never_before_its_end(policy: type[Policy]) -> None:
    outcome = simulate(policy, burst(30), TRUTHFUL)
    assert len(outcome.lags) == 30
    assert min(outcome.lags) >= 0
    assert outcome.refused == outcome.creates_refused == 0


def test_who_polls_alone_is_late_by_half_an_interval() -> None:
    assert simulate(Plain, burst(30)).mean == pytest.approx(2.5, abs=0.5)


def test_no_policy_beats_the_bounds() -> None:
    scenario = burst(1000)
    chance = chance_of(1)
    creates, seconds = scenario.arrivals(chance), generation_times(1000, chance)
    outcome = simulate(Ours, scenario, TRUTHFUL)
    by_polling = bounds.learning_by_polling(seconds)
    assert 0 < bounds.knowing_ends(scenario, creates, seconds) < by_polling < outcome.mean


def test_an_oracle_is_late_only_where_the_window_is_full() -> None:
    seconds = [1.0] * 1000
    alone = Scenario("alone", lambda _: [0.0] * 1000, creates_count=False)
    # 970 at once, and the rest when those leave the window.
    assert bounds.knowing_ends(alone, [0.0] * 1000, seconds) == pytest.approx(30 * 60 / 1000)


def test_knowing_the_distribution_is_better_than_polling_even_intervals() -> None:
    rng = random.Random(1)  # noqa: S311 # no secret
    polls = 7.24  # per task that the budget has where 200 are in flight
    times = generation_times(2000, rng)
    interval = fmean(times) / (polls - 0.5)
    evenly = fmean(interval - length % interval for length in times)
    assert 0.5 * evenly < bounds.knowing_the_distribution(200) < evenly
