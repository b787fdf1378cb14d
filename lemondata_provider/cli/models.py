"""Which models there are, ours and the service's: ``airflow lemondata models``."""

from __future__ import annotations

import json
import os
import tempfile
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from lemondata_provider.api.errors import ConfigurationError, LemonDataError
from lemondata_provider.api.models import Model
from lemondata_provider.catalog import Catalog, CatalogError, CatalogModel, load
from lemondata_provider.catalog.operations import OPERATIONS
from lemondata_provider.cli.hook import CommandLineHook
from lemondata_provider.cli.table import table
from lemondata_provider.operators.validation import catalog


def models(args: Namespace) -> str:
    """
    List the models, of the catalog or of the service; or what is different there; or write them to a file.

    :param args: ``operation``, ``family``, ``json``, ``live``, ``conn_id``, ``diff`` and ``output``.
    :raises SystemExit: where that cannot be done, and why.
    """
    if args.output and (args.operation or args.family):
        raise SystemExit("--output writes the whole inventory: a model that is left out would count as unknown.")
    ours = configured(needed=args.diff or not (args.output or args.live))
    shown = live(args.conn_id, ours) if args.live or args.diff else ours
    if args.output:
        write(Path(args.output), known(shown))
    if args.diff and args.json:
        return json.dumps(changes(ours, shown), indent=2)
    if args.diff:
        return "\n".join(changes(ours, shown)) or "No differences."
    found = chosen(shown, args.operation, args.family)
    return json.dumps([asdict(model) for model in found], indent=2) if args.json else table(map(row, found))


def configured(needed: bool) -> Catalog:
    """
    Return the inventory that DAGs are checked by; the shipped one if its file is broken and about to be replaced.

    :raises SystemExit: what is wrong with it, where it is needed.
    """
    try:
        return catalog()
    except ConfigurationError as error:
        if needed:
            raise SystemExit(error.message) from None
        return load()


def write(path: Path, inventory: Catalog) -> None:
    """
    Write an inventory that was read again before it takes its place: every DAG is checked by that file.

    :raises SystemExit: why it was not written.
    """
    if not inventory.models:
        raise SystemExit("Nothing was written: there is no video model whose operations are known.")
    path = Path(os.path.realpath(path))  # a link to the file stays one
    if path.exists() and not path.is_file():
        raise SystemExit(f"{path} cannot be written: it is no file.")
    draft = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            draft = Path(file.name)
            file.write(inventory.to_json())
        draft.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)  # a draft is its owner's alone
        load(str(draft))
        os.replace(draft, path)
    except OSError as error:
        raise SystemExit(f"{path} cannot be written: {error.strerror}") from None
    except CatalogError as error:
        raise SystemExit(f"Nothing was written. {error}") from None
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def live(conn_id: str, ours: Catalog) -> Catalog:
    """Ask the service which models it has."""
    try:
        return merged(CommandLineHook(conn_id).list_models(), ours)
    except LemonDataError as error:
        raise SystemExit(f"The service could not be asked: {error}") from None


def merged(theirs: Iterable[Model], ours: Catalog) -> Catalog:
    """Put what the service tells into the catalog's form; what it does not tell is taken from our entry."""
    here: dict[str, CatalogModel] = {}
    for model in theirs:
        if model.category in (None, "video"):
            new = CatalogModel(model.id, model.owned_by or "Other", _each(model.supported_operations))
            before = here.get(model.id)
            here[model.id] = replace(before, operations=_each(before.operations + new.operations)) if before else new
    return Catalog((_completed(model, ours.find(model.id)) for model in here.values()), ours.recommendations)


def _completed(theirs: CatalogModel, ours: CatalogModel | None) -> CatalogModel:
    """Prefer our entry, but for operations in words that are known: those of another vocabulary would refuse all."""
    if ours is None:
        return theirs
    return replace(ours, operations=theirs.operations) if set(OPERATIONS) & set(theirs.operations) else ours


def _each(operations: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(operation for operation in operations if operation.strip()))


def known(inventory: Catalog) -> Catalog:
    """Leave out models without operations: strict checks would refuse each, and an unknown model is allowed."""
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


def _ranges(numbers: Iterable[int]) -> str:
    """Return whole numbers with runs as ranges: 4-8, 10."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def row(model: CatalogModel) -> dict[str, str]:
    """Return a model as a row of the table."""
    return {
        "model": model.id,
        "family": model.family,
        "operations": ", ".join(model.operations),
        "seconds": _ranges(model.durations),
        "resolutions": ", ".join(model.resolutions),
        "usd": f"{model.price} per {model.price_unit}" if model.price else "",
        "audio": model.audio,
        "status": model.status,
        "recommended_for": ", ".join(model.recommended_for),
    }
