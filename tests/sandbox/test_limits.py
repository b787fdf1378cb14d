from __future__ import annotations

from lemondata_provider.sandbox.limits import Window


def test_window_wait_limit_reached_waits_until_the_oldest_call_expires():
    window = Window()
    assert [window.wait(now, 2, 60) for now in (100.0, 110.0, 120.5)] == [0, 0, 40]
    assert window.wait(160.0, 2, 60) == 0
    assert window.wait(160.0, 2, 60) == 10


def test_window_headers_after_a_call_show_the_remaining_calls():
    window = Window()
    window.wait(100.2, 5, 60)
    assert window.headers(101, 5, 60) == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "161",
    }


def test_window_wait_limit_zero_waits_the_whole_window():
    window = Window()
    assert window.wait(100, 0, 60) == 60
    assert window.headers(100, 0, 60)["X-RateLimit-Reset"] == "160"
