from __future__ import annotations

from lemondata_provider.sandbox.limits import Window


def test_a_call_counts_for_the_length_of_the_window():
    window = Window()
    assert [window.wait(now, 2, 60) for now in (100.0, 110.0, 120.5)] == [0, 0, 40]
    assert window.wait(160.0, 2, 60) == 0
    assert window.wait(160.0, 2, 60) == 10


def test_the_headers_say_what_is_left():
    window = Window()
    window.wait(100.2, 5, 60)
    assert window.headers(101, 5, 60) == {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset": "161",
    }


def test_a_limit_of_nothing_lets_nobody_in():
    window = Window()
    assert window.wait(100, 0, 60) == 60
    assert window.headers(100, 0, 60)["X-RateLimit-Reset"] == "160"
