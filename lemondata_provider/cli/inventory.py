"""Which models there are, ours and the service's: ``airflow lemondata models``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.inventory import Model
from lemondata_provider.catalog import Catalog, CatalogModel
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.cli.table import table
from lemondata_provider.operators.checks import catalog


def models(args: Namespace) -> str:
    """
    List the models, of the catalog or of the service; or what is different there; or write them to a file.

    :param args: ``operation``, ``family``, ``json``, ``live``, ``conn_id``, ``diff`` and ``output``.
    :raises SystemExit: where that cannot be done, and why.
    """
    if args.output and (args.operation or args.family):
        raise SystemExit("--output writes the whole inventory: a model that is left out would count as unknown.")
    ours = catalog()
    shown = live(args.conn_id, ours) if args.live or args.diff else ours
    if args.output:
        Path(args.output).write_text(known(shown).to_json(), encoding="utf-8")
    if args.diff:
        return "\n".join(changes(ours, shown)) or "No differences."
    found = chosen(shown, args.operation, args.family)
    return json.dumps([model._asdict() for model in found], indent=2) if args.json else table(map(row, found))


def live(conn_id: str, ours: Catalog) -> Catalog:
    """Ask the service which models it has."""
    try:
        return merged(CommandLineHook(conn_id).list_models(), ours)
    except LemonDataError as error:
        raise SystemExit(f"The service could not be asked: {error}") from None


def merged(told: Iterable[Model], ours: Catalog) -> Catalog:
    """Put what the service tells into the catalog's form; what it does not tell is taken from our entry."""
    here = (_entry(model, ours.find(model.id)) for model in told if model.category in (None, "video"))
    return Catalog(here, ours.recommendations)


def _entry(told: Model, ours: CatalogModel | None) -> CatalogModel:
    if ours is not None:
        return ours._replace(operations=told.supported_operations or ours.operations)
    return CatalogModel(told.id, told.owned_by or "Other", told.supported_operations)


def known(inventory: Catalog) -> Catalog:
    """Leave out what no operation is told of: strict checks would refuse each, and an unknown model is allowed."""
    return Catalog((model for model in inventory.models if model.operations), inventory.recommendations)


def changes(ours: Catalog, theirs: Catalog) -> list[str]:
    """Say what is different: one line for each model that was added, was removed, or has other operations."""
    added = [f"+ {model.id}: {', '.join(model.operations)}" for model in theirs.models if not ours.find(model.id)]
    removed = [f"- {model.id}" for model in ours.models if not theirs.find(model.id)]
    both = [(model, other) for model in ours.models if (other := theirs.find(model.id))]
    changed = [f"~ {one.id}: {difference}" for one, other in both if (difference := _difference(one, other))]
    return added + removed + changed


def _difference(one: CatalogModel, other: CatalogModel) -> str:
    more = [f"+{operation}" for operation in other.operations if operation not in one.operations]
    less = [f"-{operation}" for operation in one.operations if operation not in other.operations]
    return " ".join(more + less)


def chosen(inventory: Catalog, operation: str | None, family: str | None) -> list[CatalogModel]:
    """
    Return the models that can do something, or are of a family.

    :raises SystemExit: if no model has that operation, or that family; with those that there are.
    """
    found = list(inventory.models)
    if operation:
        found = [model for model in found if operation in model.operations]
        _or_exit(found, "operation", operation, {name for model in inventory.models for name in model.operations})
    if family:
        of_family = [model for model in found if model.family.casefold() == family.casefold()]
        _or_exit(of_family, "family", family, {model.family for model in found})
        return of_family
    return found


def _or_exit(found: list[CatalogModel], what: str, asked: str, there_are: set[str]) -> None:
    if not found:
        raise SystemExit(f"No model of {what} {asked!r}; there are: {', '.join(sorted(there_are, key=str.casefold))}")


def row(model: CatalogModel) -> dict[str, str]:
    """Return a model as a row of the table."""
    return {
        "model": model.id,
        "family": model.family,
        "operations": ", ".join(model.operations),
        "audio": model.audio,
        "recommended_for": ", ".join(model.recommended_for),
    }
