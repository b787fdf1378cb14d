"""
The prices that the service told in the last minutes, so that submits do not double the requests.

Airflow runs each task in a process of its own: what one of them asked for is kept in a file for the next.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from lemondata_provider.api import calls
from lemondata_provider.api.errors import ModelNotFoundError, NotFoundError
from lemondata_provider.api.models import ModelPrice

log = logging.getLogger(__name__)
T = TypeVar("T")

PRICE_TTL = 300.0  # how long a price is believed
NO_PRICE_TTL = 60.0  # and how long nobody asks again who would not wait for it
QUICK_TIMEOUT = 3.0  # how long an answer is waited for where the price is not needed


class PriceCache:
    """
    The prices of models, in memory and in files.

    :param folder: where the files are, default ``$AIRFLOW_HOME/lemondata-prices``; without one that can be written
        to, only this process remembers.
    :param clock: Unix seconds.
    """

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._entries: dict[str, dict[str, Any]] = {}

    @property
    def folder(self) -> Path:
        """Return where the files are."""
        if self._folder:
            return self._folder
        home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
        return Path(os.path.expanduser(home)) / "lemondata-prices"  # as Airflow does; it never raises

    def get(self, base_url: str, api_key: str, model: str, patient: bool = True) -> list[ModelPrice] | None:
        """
        Return what was told of a model: prices, none if there were none, or nothing if it is not known any more.

        :param patient: where the service could not be asked, nothing is known; otherwise there are no prices.
        """
        name = _name(base_url, api_key, model)
        try:
            entry = self._entries.get(name) or json.loads((self.folder / name).read_text())
            if not 0 <= entry["until"] - self._clock() <= PRICE_TTL:
                return None
            told = entry["prices"]
            prices = None if told is None else [ModelPrice.model_validate(price) for price in told]
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, ValidationError):
            return None  # a RecursionError, which is a RuntimeError, comes from nested brackets
        self._entries[name] = entry
        return [] if prices is None and not patient else prices

    def put(self, base_url: str, api_key: str, model: str, prices: list[ModelPrice] | None) -> None:
        """Remember what was told of a model, or that the service could not be asked."""
        until = self._clock() + (PRICE_TTL if prices else NO_PRICE_TTL)
        told = None if prices is None else [price.model_dump(mode="json", exclude={"raw"}) for price in prices]
        name = _name(base_url, api_key, model)
        self._entries[name] = {"until": until, "prices": told}
        try:
            _write(self.folder / name, json.dumps(self._entries[name]))
        except (OSError, RuntimeError) as error:
            log.debug("Prices are remembered by this process only: %s", error)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        try:
            for path in self.folder.glob("*.json"):
                path.unlink(missing_ok=True)
        except (OSError, RuntimeError) as error:
            log.debug("Prices are forgotten by this process only: %s", error)


def ask(send: Callable[[calls.Call[list[ModelPrice]]], list[ModelPrice]], model: str) -> list[ModelPrice]:
    """
    Ask for the prices of a model where they are told in full, and in the price list where that tells none.

    :param send: sends a call.
    :raises LemonDataError: if the service could not be asked; of a model that it does not know there are no prices.
    """
    for call in (calls.get_model_pricing(model), calls.get_pricing(model)):
        try:
            prices = send(call)
        except ModelNotFoundError:
            return []
        except NotFoundError:
            continue  # one of the two editions does not have it
        # The newer price list takes no model, and answers with all of them.
        found = [price for price in prices if price.model == model or call.url != "/v1/pricing"]
        if any(price.unit for price in found):
            return found  # with those that cannot be read: one of them may be the dearest
    return []


def _name(base_url: str, api_key: str, model: str) -> str:
    """Name an entry by a digest: a price may be that of a key, and neither key nor address belong into a file name."""
    return hashlib.sha256("\n".join((base_url, api_key, model)).encode()).hexdigest()[:32] + ".json"


def _write(path: Path, text: str) -> None:
    """Write a whole file or none: another task may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)  # it is there only if something failed
