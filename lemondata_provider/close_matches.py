"""The nearest of several names, for error messages that say what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache


def closest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the choice that is closest to a word, or ``None``; see :func:`close_matches`."""
    return next(iter(close_matches(word, choices, n=1, cutoff=cutoff)), None)


def close_matches(word: str, choices: Iterable[str], n: int = 3, cutoff: float = 0.6) -> tuple[str, ...]:
    """
    Return the choices that are closest to a word, best first; case does not count.

    :param n: maximum number of matches.
    :param cutoff: minimum similarity, 0 (anything) to 1 (equal).
    """
    return _close_matches(word.strip().lower(), tuple(choices), n, cutoff)


@lru_cache(maxsize=256)  # one comparison with the whole catalog takes longer than every other check of a request
def _close_matches(word: str, choices: tuple[str, ...], n: int, cutoff: float) -> tuple[str, ...]:
    by_lower = {choice.lower(): choice for choice in choices}
    return tuple(by_lower[match] for match in get_close_matches(word, by_lower, n=n, cutoff=cutoff))
