from __future__ import annotations

import json
from decimal import Decimal

import pytest

from lemondata_provider.api.prices import FROM_SOURCE, Estimate
from lemondata_provider.cli.plan import Clip, Submits, plan

CONN = "lemondata_default"
CLIP = Submits("clip", CONN, (Clip("sora-2", 4),), poll_interval=5.0)
UPSCALE = Submits("upscale", CONN, (Clip("topaz-video-upscale", FROM_SOURCE),))
MAPPED = Submits("mapped", CONN, (Clip("sora-2", 4),), number_unknown="how many is known at run time only")
OF_TWO = (("a", 5.0), ("b", None))
VARIED = Submits("varied", "other", (Clip("sora-2", 4), Clip("sora-2", 8), Clip("kling", 5)))


def appraise(conn_id: str | None, clip: Clip) -> Estimate:
    if isinstance(clip.seconds, str):
        return Estimate(None, clip.seconds)
    return Estimate(Decimal("0.10") * clip.seconds, f"{clip.seconds} s")


def test_plan_several_runs_adds_up_videos_and_cost():
    found = plan("d", (6, 1), [CLIP, VARIED], appraise, {CONN: 1000.0, "other": 60.0})
    assert [(row.videos, row.usd) for row in found.rows] == [(6, Decimal("2.40")), (18, Decimal("10.20"))]
    assert (found.videos, found.usd, found.existing) == (24, Decimal("12.60"), 1)
    assert (found.rows[1].model, found.rows[1].note) == ("sora-2, kling", "4 s; 8 s; 5 s")
    assert not found.unknown_videos
    assert not found.unknown_usd


def test_plan_unknown_number_or_cost_is_listed_and_not_guessed():
    found = plan("d", (6, 0), [CLIP, UPSCALE, MAPPED], appraise, {})
    assert [(row.videos, row.usd) for row in found.rows[1:]] == [(6, None), (None, None)]
    assert (found.unknown_videos, found.unknown_usd) == (["mapped"], ["upscale", "mapped"])
    assert found.rows[2].note == "how many is known at run time only; 4 s"
    assert (found.videos, found.usd) == (12, Decimal("2.40"))


def test_plan_rate_limits_give_duration_and_polls_a_minute():
    found = plan("d", (600, 0), [CLIP, VARIED, MAPPED], appraise, {CONN: 1000.0, "other": 60.0})
    assert [(pace.requests, pace.seconds, pace.polls_a_minute) for pace in found.paces] == [
        (1200, 72.0, 7200.0),
        (1800, 1800.0, 0.0),
    ]
    assert found.seconds == 1800.0
    assert plan("d", (1, 0), [CLIP], appraise, {}).seconds is None


def test_plan_no_runs_or_no_clips_costs_nothing():
    nothing = plan("d", (0, 3), [CLIP, UPSCALE], appraise, {CONN: 1.0})
    assert (nothing.usd, nothing.unknown_usd) == (Decimal(0), [])
    empty = plan("d", (3, 0), [Submits("none", CONN, ())], appraise, {CONN: 1.0})
    assert (empty.videos, empty.usd, empty.seconds) == (0, Decimal(0), 0.0)


def test_plan_to_json_amounts_are_decimal_strings():
    payload = json.loads(json.dumps(plan("d", (6, 1), [CLIP, MAPPED], appraise, {CONN: 1000.0}).to_json()))
    assert (payload["known_usd"], payload["tasks"][0]["usd"], payload["tasks"][1]["usd"]) == ("2.40", "2.40", None)
    assert (payload["runs"], payload["existing_runs"], payload["known_videos"]) == (6, 1, 6)
    assert payload["rate_limits"][0]["requests"] == 12


def test_plan_task_of_several_connections_is_listed_once_and_counted_for_each():
    parts = [Submits("up", name, (Clip("topaz", FROM_SOURCE),), poll_interval=poll) for name, poll in OF_TWO]
    found = plan("d", (2, 0), parts, appraise, {"a": 60.0, "b": 60.0})
    assert (found.unknown_usd, found.videos) == (["up"], 4)
    assert [pace.requests for pace in found.paces] == [4, 2]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (Clip("sora-2", 90, refusal="duration must be -1 to 60 seconds"), "duration must be -1 to 60 seconds"),
        (
            Clip("sora-2", 8, max_cost_usd=Decimal("0.5")),
            "'sora-2' would cost 0.80 USD (8 s), and max_cost_usd is",
        ),
    ],
)
def test_plan_refused_clips_are_said_and_neither_counted_nor_priced(refused, reason):
    found = plan("d", (3, 0), [Submits("up", CONN, (Clip("sora-2", 4), refused))], appraise, {CONN: 60.0})
    assert (found.videos, found.usd) == (3, Decimal("1.20"))
    assert f"refused: {reason}" in found.rows[0].note
    assert found.paces[0].requests == 3


def test_plan_max_cost_of_a_cheaper_or_unpriced_clip_refuses_nothing():
    clips = (Clip("sora-2", 4, max_cost_usd=Decimal("0.4")), Clip("topaz", FROM_SOURCE, max_cost_usd=Decimal(0)))
    found = plan("d", (1, 0), [Submits("up", CONN, clips)], appraise, {})
    assert (found.videos, "refused" in found.rows[0].note) == (2, False)


def test_plan_hint_of_a_misspelt_model_is_in_the_note():
    found = plan("d", (1, 0), [Submits("up", CONN, (Clip("sora2", 4, hint="did you mean 'sora-2'?"),))], appraise, {})
    assert found.rows[0].note == "did you mean 'sora-2'?; 4 s"
