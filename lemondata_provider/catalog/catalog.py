"""
The models that this package knows, and queries over them.

DAG files import this module. Sources of the data: the tables of LemonData's video guide, and the model pages of
2026-09-25.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lemondata_provider.catalog.operations import OPERATIONS
from lemondata_provider.close_matches import closest

NOT_LISTED = "not listed on 2026-09-25"
SHIPPED = Path(__file__).with_name("models.json")
AUDIO_ON = "on by default"
AUDIO_OFF = "off by default"
AUDIO_WITHOUT_TOGGLE = "no stable toggle"
AUDIO_UNKNOWN = "unknown"
AUDIO = (AUDIO_ON, AUDIO_OFF, AUDIO_WITHOUT_TOGGLE, AUDIO_UNKNOWN)


class CatalogError(ValueError):
    """A catalog file is invalid, or the catalog has no answer."""


@dataclass(frozen=True)
class CatalogModel:
    """
    One model.

    :param id: name of the model in a request.
    :param family: company that makes the model.
    :param operations: operations of the model; empty if unknown.
    :param audio: ``on by default``, ``off by default``, ``no stable toggle`` or ``unknown``.
    :param recommended_for: purposes that the guide recommends the model for.
    :param listed: whether the newest model pages (2026-09-25) list the model.
    :param seen: sources that name the model.
    :param durations: documented lengths in seconds, -1 for a length that the model chooses; empty if unknown.
    :param resolutions: documented resolutions; empty if unknown.
    :param aspect_ratios: documented aspect ratios; empty if unknown.
    :param price: documented price or range of prices in USD; empty if unknown.
    :param price_unit: ``second``, ``request`` or ``1M tokens``; empty if unknown.
    """

    id: str
    family: str
    operations: tuple[str, ...]
    audio: str = AUDIO_UNKNOWN
    recommended_for: tuple[str, ...] = ()
    listed: bool = True
    seen: tuple[str, ...] = ()
    durations: tuple[int, ...] = ()
    resolutions: tuple[str, ...] = ()
    aspect_ratios: tuple[str, ...] = ()
    price: str = ""
    price_unit: str = ""

    @property
    def status(self) -> str:
        """Return whether the model is listed today, in words."""
        return "listed" if self.listed else NOT_LISTED


class Catalog:
    """
    A list of models.

    :param models: the models.
    :param recommendations: model ids by purpose, best first; ids outside ``models`` are dropped. Default: the models'
        own ``recommended_for``, in their order.
    """

    def __init__(
        self, models: Iterable[CatalogModel], recommendations: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.models = tuple(models)
        ids_by_purpose = _recommended(self.models) if recommendations is None else recommendations
        listed = {purpose: tuple(filter(self.find, ids)) for purpose, ids in ids_by_purpose.items()}
        self.recommendations = {purpose: ids for purpose, ids in listed.items() if ids}

    def find(self, model_id: str) -> CatalogModel | None:
        """Return the model with this id, or ``None``."""
        return next((model for model in self.models if model.id == model_id), None)

    def operations_of(self, model_id: str) -> tuple[str, ...]:
        """Return the operations of the model with this id; empty if unknown."""
        model = self.find(model_id)
        return model.operations if model else ()

    def nearest(self, model_id: str) -> str | None:
        """Return the closest id, or ``None``."""
        return closest(model_id, (model.id for model in self.models))

    def able(self, operation: str, like: CatalogModel | None = None) -> list[CatalogModel]:
        """
        Return the models with an operation; as substitutes, listed ones of the same family first.

        :param operation: for example ``image-to-video``.
        :param like: the model to replace: its family comes first.
        """
        able = [model for model in self.models if operation in model.operations]
        if like is None:
            return able
        nearest = closest(like.id, (model.id for model in able if model.family == like.family), cutoff=0.0)

        def rank(model: CatalogModel) -> tuple[bool, bool, bool, int]:
            return not model.listed, model.id != nearest, model.family != like.family, -len(model.recommended_for)

        return sorted(able, key=rank)

    def matrix(self) -> dict[str, dict[str, bool]]:
        """Return by family and operation whether a model of the family has the operation."""
        used = dict.fromkeys(operation for model in self.models for operation in model.operations)
        columns = [*filter(used.__contains__, OPERATIONS), *(name for name in used if name not in OPERATIONS)]
        rows: dict[str, dict[str, bool]] = {}
        for model in self.models:
            row = rows.setdefault(model.family, dict.fromkeys(columns, False))
            row.update(dict.fromkeys(model.operations, True))
        return rows

    def recommend(self, purpose: str, operation: str | None = None) -> str:
        """
        Return the id of the first recommended model for a purpose.

        :param purpose: for example ``best-quality``.
        :param operation: operation that the model must have. Default: any.
        :raises CatalogError: no such model; the message lists purposes, or models with the operation.
        """
        ids = self.recommendations.get("-".join(purpose.lower().replace("_", " ").split()))
        if ids is None:
            raise CatalogError(f"No model is recommended for {purpose!r}. Purposes: {', '.join(self.recommendations)}")
        able = [model.id for model in self.able(operation)] if operation else list(ids)
        if best := next((name for name in ids if name in able), None):
            return best
        others = f"models with it: {', '.join(able)}" if able else f"operations: {', '.join(OPERATIONS)}"
        raise CatalogError(f"No model recommended for {purpose!r} has the operation {operation}; {others}")

    def to_json(self) -> str:
        """Return the catalog in the form of its file."""

        def line(value: object) -> str:
            return json.dumps(value, ensure_ascii=False)

        purposes = [f"    {line(purpose)}: {line(ids)}" for purpose, ids in self.recommendations.items()]
        models = [f"    {line(_row(model))}" for model in self.models]
        parts = (("recommendations", "{}", purposes), ("models", "[]", models))
        blocks = [f'  "{name}": {mark[0]}\n{_lines(rows)}  {mark[1]}' for name, mark, rows in parts]
        return "{\n" + ",\n".join(blocks) + "\n}\n"


_ALWAYS = ("id", "family", "operations", "audio")
_OPTIONAL: dict[str, Any] = {  # with an example of each
    "listed": True,
    "seen": ["guide"],
    "durations": [4, 8],
    "resolutions": ["720p"],
    "aspect_ratios": ["16:9"],
    "price": "0.10-0.30",
    "price_unit": "second",
}


def _row(model: CatalogModel) -> dict[str, Any]:
    """Return a model as the file has it; recommendations stand beside the models, in their own order."""
    given = [name for name in _OPTIONAL if getattr(model, name) != getattr(CatalogModel, name)]
    return {name: getattr(model, name) for name in (*_ALWAYS, *given)}


def _lines(rows: list[str]) -> str:
    return ",\n".join(rows) + "\n" if rows else ""


def _recommended(models: Iterable[CatalogModel]) -> dict[str, tuple[str, ...]]:
    purposes: dict[str, tuple[str, ...]] = {}
    for model in models:
        for purpose in model.recommended_for:
            purposes[purpose] = (*purposes.get(purpose, ()), model.id)
    return purposes


def load(path: str | None = None) -> Catalog:
    """
    Return the catalog of a file; a changed file is read again.

    :param path: path of the file. Default: the package's own catalog.
    :raises CatalogError: the file is missing or invalid.
    """
    if path is None:
        return _load(SHIPPED)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # to read a pipe or a device may never end
            raise CatalogError(f"{path} is no regular file")
        return _load(Path(path), status.st_mtime_ns)
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=8)
def _load(path: Path, _modified: int = 0) -> Catalog:
    try:
        return _read(json.loads(path.read_text("utf-8")))
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from None
    except RecursionError:
        raise CatalogError(f"{path} has brackets nested too deeply") from None
    except ValueError as error:
        raise CatalogError(f"{path} is no JSON: {error}") from None


def _read(data: Any) -> Catalog:
    if not isinstance(data, dict) or not isinstance(data.get("models"), list):
        raise CatalogError('it must be an object with a list of "models"')
    purposes = data.get("recommendations", {})
    if not isinstance(purposes, dict) or not all(_is_texts(ids) for ids in purposes.values()):
        raise CatalogError('"recommendations" must be an object with a list of ids for each purpose')
    recommendations = {purpose: tuple(ids) for purpose, ids in purposes.items()}
    models = [_model(number, row, recommendations) for number, row in enumerate(data["models"])]
    known = [model.id for model in models]
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise CatalogError(f"duplicate ids: {', '.join(twice)}")
    if missing := sorted({name for ids in recommendations.values() for name in ids} - set(known)):
        raise CatalogError(f"recommended ids without a model: {', '.join(missing)}")
    return Catalog(models, recommendations)


def _model(number: int, row: Any, recommendations: Mapping[str, tuple[str, ...]]) -> CatalogModel:
    if not isinstance(row, dict) or not _is_texts([row.get("id"), row.get("family")]):
        raise CatalogError(f'models[{number}] must have an "id" and a "family"')
    audio = row.get("audio", AUDIO_UNKNOWN)
    if not _is_texts(row.get("operations")):
        raise CatalogError(f'the "operations" of {row["id"]} must be a list, for example of {OPERATIONS[0]!r}')
    if audio not in AUDIO:
        raise CatalogError(f'the "audio" of {row["id"]} must be one of {", ".join(AUDIO)}, not {audio!r}')
    purposes = tuple(purpose for purpose, ids in recommendations.items() if row["id"] in ids)
    facts = {name: _fact(row, name) for name in _OPTIONAL if name in row}
    return CatalogModel(row["id"], row["family"], tuple(row["operations"]), audio, purposes, **facts)


def _fact(row: dict[str, Any], name: str) -> Any:
    value, example = row[name], _OPTIONAL[name]
    is_list = isinstance(example, list)
    if type(value) is not type(example) or (is_list and any(type(item) is not type(example[0]) for item in value)):
        raise CatalogError(f'the "{name}" of {row["id"]} must be like {example!r}, not {value!r}')
    return tuple(value) if is_list else value


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def recommend(purpose: str, operation: str | None = None) -> str:
    """
    Return the id of the first model that the guide recommends for a purpose; needs no connection.

    :param purpose: ``best-quality``, ``fast-iteration``, ``reference-images`` or ``video-to-video``.
    :param operation: operation that the model must have. Default: any.
    :raises CatalogError: no such model; the message lists purposes, or models with the operation.

    Example::

        recommend("best-quality", operation="image-to-video")
    """
    return load().recommend(purpose, operation)
