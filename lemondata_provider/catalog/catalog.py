"""
The models that this package knows: data in a file, and what can be asked of it.

It is read in DAG files and by every submit, so it imports next to nothing: neither ``dataclasses`` nor ``typing`` (8 to
16 ms in a new interpreter), and ``json`` and ``difflib`` where they are needed. Source of the data: the tables of
LemonData's video guide.
"""

from __future__ import annotations

import os
from collections import namedtuple
from functools import lru_cache

from lemondata_provider.catalog.operations import OPERATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

SHIPPED = os.path.join(os.path.dirname(__file__), "models.json")
AUDIO_ON = "on by default"
AUDIO_WITHOUT_TOGGLE = "no stable toggle"
AUDIO_UNKNOWN = "unknown"
AUDIO = (AUDIO_ON, AUDIO_WITHOUT_TOGGLE, AUDIO_UNKNOWN)


class CatalogError(ValueError):
    """A data file that is no inventory, or a question that it has no answer to."""


class CatalogModel(
    namedtuple("CatalogModel", ("id", "family", "operations", "audio", "recommended_for"), defaults=(AUDIO_UNKNOWN, ()))
):
    """
    One model.

    :param id: the name to put into a request.
    :param family: who makes it.
    :param operations: what it can do; empty where that is not known.
    :param audio: ``on by default``, ``no stable toggle`` or ``unknown``.
    :param recommended_for: the purposes that it is recommended for.
    """

    __slots__ = ()
    id: str
    family: str
    operations: tuple[str, ...]
    audio: str
    recommended_for: tuple[str, ...]


class Catalog:
    """
    An inventory.

    :param models: what is in it.
    :param recommendations: for each purpose the ids of models, the best first, where others than ``models`` are left
        out; default: as the models say it themselves, in their own order.
    """

    def __init__(
        self, models: Iterable[CatalogModel], recommendations: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.models = tuple(models)
        ids_by_purpose = _recommended(self.models) if recommendations is None else recommendations
        here = {purpose: tuple(filter(self.find, ids)) for purpose, ids in ids_by_purpose.items()}
        self.recommendations = {purpose: ids for purpose, ids in here.items() if ids}

    def find(self, model_id: str) -> CatalogModel | None:
        """Return a model by its id, or nothing."""
        return next((model for model in self.models if model.id == model_id), None)

    def nearest(self, model_id: str) -> str | None:
        """Return the id that was probably meant, or nothing."""
        return _nearest(model_id, tuple(model.id for model in self.models))

    def able(self, operation: str, like: CatalogModel | None = None) -> list[CatalogModel]:
        """
        Return the models that can do something, the likeliest substitute first.

        :param operation: what they can do.
        :param like: which model they are to stand in for: its family comes first.
        """
        able = [model for model in self.models if operation in model.operations]
        if like is None:
            return able
        nearest = _nearest(like.id, tuple(model.id for model in able if model.family == like.family), 0.0)
        return sorted(able, key=lambda model: (model.id != nearest, model.family != like.family, -_weight(model)))

    def matrix(self) -> dict[str, dict[str, bool]]:
        """Return for each family and each operation whether one of its models can do it."""
        in_use = dict.fromkeys(operation for model in self.models for operation in model.operations)
        columns = [*filter(in_use.__contains__, OPERATIONS), *(name for name in in_use if name not in OPERATIONS)]
        rows: dict[str, dict[str, bool]] = {}
        for model in self.models:
            row = rows.setdefault(model.family, dict.fromkeys(columns, False))
            row.update(dict.fromkeys(model.operations, True))
        return rows

    def recommend(self, purpose: str, operation: str | None = None) -> str:
        """
        Return the id of the model that is recommended first for a purpose.

        :param purpose: for example ``best-quality``.
        :param operation: what it has to be able to do, default: anything.
        :raises CatalogError: which purposes are known, or which models can do that.
        """
        ids = self.recommendations.get("-".join(purpose.lower().replace("_", " ").split()))
        if ids is None:
            raise CatalogError(f"Nothing is recommended for {purpose!r}. Purposes: {', '.join(self.recommendations)}")
        able = [model.id for model in self.able(operation)] if operation else list(ids)
        if best := next((name for name in ids if name in able), None):
            return best
        others = f"models that do: {', '.join(able)}" if able else f"operations: {', '.join(OPERATIONS)}"
        raise CatalogError(f"No model that is recommended for {purpose!r} does {operation}; {others}")

    def to_json(self) -> str:
        """Return the inventory in the form of the data file."""
        import json  # noqa: PLC0415 # 7 ms in a new interpreter

        def line(value: object) -> str:
            return json.dumps(value, ensure_ascii=False)

        purposes = [f"    {line(purpose)}: {line(ids)}" for purpose, ids in self.recommendations.items()]
        models = [f"    {line({name: getattr(model, name) for name in _IN_FILE})}" for model in self.models]
        parts = (("recommendations", "{}", purposes), ("models", "[]", models))
        blocks = [f'  "{name}": {mark[0]}\n{_lines(rows)}  {mark[1]}' for name, mark, rows in parts]
        return "{\n" + ",\n".join(blocks) + "\n}\n"


_IN_FILE = ("id", "family", "operations", "audio")  # what is recommended stands beside them, with its order


def _lines(rows: list[str]) -> str:
    return ",\n".join(rows) + "\n" if rows else ""


def _weight(model: CatalogModel) -> int:
    return len(model.recommended_for)


def _recommended(models: Iterable[CatalogModel]) -> dict[str, tuple[str, ...]]:
    purposes: dict[str, tuple[str, ...]] = {}
    for model in models:
        for purpose in model.recommended_for:
            purposes[purpose] = (*purposes.get(purpose, ()), model.id)
    return purposes


@lru_cache(maxsize=256)
def _nearest(model_id: str, ids: tuple[str, ...], cutoff: float = 0.6) -> str | None:
    """Cached, because comparing with all of them takes longer than everything else that is checked."""
    from difflib import get_close_matches  # noqa: PLC0415 # 8 ms in a new interpreter

    by_spelling = {name.lower(): name for name in ids}
    found = get_close_matches(model_id.lower(), by_spelling, n=1, cutoff=cutoff)
    return by_spelling[found[0]] if found else None


def load(path: str | None = None) -> Catalog:
    """
    Return the inventory of a data file; it is read again when the file has changed.

    :param path: the file, default: the one that comes with this package.
    :raises CatalogError: what is wrong with it.
    """
    if path is None:
        return _load(SHIPPED)
    try:
        return _load(path, os.stat(path).st_mtime_ns)
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=8)
def _load(path: str, _changed: int = 0) -> Catalog:
    import json  # noqa: PLC0415 # 7 ms in a new interpreter

    with open(path, encoding="utf-8") as file:
        try:
            data = json.load(file)
        except ValueError as error:
            raise CatalogError(f"{path} is no JSON: {error}") from None
    try:
        return _read(data)
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from None


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
        raise CatalogError(f"twice in it: {', '.join(twice)}")
    if missing := sorted({name for ids in recommendations.values() for name in ids} - set(known)):
        raise CatalogError(f"recommended, and none of its models: {', '.join(missing)}")
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
    return CatalogModel(row["id"], row["family"], tuple(row["operations"]), audio, purposes)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def recommend(purpose: str, operation: str | None = None) -> str:
    """
    Return the id of the model that the guide recommends first for a purpose; needs no connection.

    :param purpose: ``best-quality``, ``fast-iteration``, ``reference-images`` or ``video-to-video``.
    :param operation: what the model has to be able to do, default: anything.
    :raises CatalogError: which purposes are known, or which models can do that.
    """
    return load().recommend(purpose, operation)
