"""
Checks of a request before anything is paid for: pure, and fast enough to run while a DAG file is parsed.

A message says what is wrong, what the model can do, and what was probably meant. A model outside the catalog may be
newer than this package: its operations and inputs are not checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lemondata_provider.catalog.catalog import AUDIO_ON, AUDIO_WITHOUT_TOGGLE, NOT_LISTED, Catalog, CatalogModel
from lemondata_provider.catalog.media import broken_inline, not_public, plain_http
from lemondata_provider.catalog.operations import (
    DECIDING,
    NEEDS,
    fitting,
    has_unknown_fields,
    infer,
    missing,
    needs_of,
    surplus,
)
from lemondata_provider.catalog.values import edition_warnings, wrong_values, wrong_words

EXTRA = "extra_params"
AUDIO_TOGGLES = ("output_audio", "outputAudio")
MAX_SUGGESTIONS = 4


@dataclass(frozen=True)
class Findings:
    """
    The result of a check, in sentences.

    :param errors: what the documentation rules out.
    :param warnings: what is probably a mistake, or cannot be checked.
    :param media_warnings: warnings about media that the real service cannot reach; a local base URL, as the
        sandbox's, can.
    """

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    media_warnings: tuple[str, ...] = ()


def check(fields: Mapping[str, Any], catalog: Catalog, undecided: Collection[str] = ()) -> Findings:
    """
    Check a request.

    :param fields: fields of the request, without those that were not given or are ``None``.
    :param catalog: the known models.
    :param undecided: names of fields whose values are not known yet, such as templates; ``extra_params`` stands for
        fields without a parameter of their own. No finding depends on them.
    """
    model = None if "model" in undecided else catalog.find(str(fields.get("model")))
    errors, words = [*wrong_values(fields), *broken_inline(fields)], list(wrong_words(fields))
    errors += words if model else ()  # an unknown model may have words of its own
    if model and model.operations and "operation" not in undecided and isinstance(fields.get("operation", ""), str):
        errors += _operation_errors(fields, model, catalog, undecided)
    unsure = () if model else words
    warnings = [*_model_warnings(fields, model, catalog), *unsure, *edition_warnings(fields), *plain_http(fields)]
    return Findings(tuple(errors), tuple(dict.fromkeys(warnings)), tuple(dict.fromkeys(not_public(fields))))


def _operation_errors(
    fields: Mapping[str, Any], model: CatalogModel, catalog: Catalog, undecided: Collection[str]
) -> Iterator[str]:
    named, open_inputs = fields.get("operation"), not {*DECIDING, EXTRA}.isdisjoint(undecided)
    if named is None and open_inputs and len(model.operations) > 1:
        return
    operation = named or infer(fields, model.operations)
    meant = (None if open_inputs else fitting(fields)) or operation
    if operation is None or meant is None:
        if not has_unknown_fields(fields):
            yield _undecidable(fields, model)
    elif operation in model.operations:
        lacking = missing(fields, operation, undecided)
        if lacking and not has_unknown_fields(fields):
            yield _incomplete(lacking, model, operation, meant)
        if unused := surplus(fields, operation):
            problem = f"{model.id}: {operation} has no use for {_listed(unused)}"
            yield problem + _substitute(model, operation, meant, catalog)
    elif operation in NEEDS:  # any other word is a wrong word, which is reported already
        yield _unable(fields, model, operation) + _substitute(model, operation, meant, catalog)


def _undecidable(fields: Mapping[str, Any], model: CatalogModel) -> str:
    given = _listed([name for name in DECIDING if name in fields])
    why = f"is unclear from {given} alone: name it" if given else "is unclear from nothing"
    can = "; ".join(f"{operation} ({needs_of(operation)})" for operation in model.operations)
    return f"{model.id}: which operation is meant {why}. It does {can}."


def _incomplete(lacking: list[str], model: CatalogModel, operation: str, meant: str) -> str:
    problem = f"{model.id}: {operation} needs {needs_of(operation)}, and this request has no {' and no '.join(lacking)}"
    other = meant != operation and meant in model.operations
    return f"{problem}: did you mean operation={meant!r}?" if other else f"{problem}. {_can(model)}"


def _unable(fields: Mapping[str, Any], model: CatalogModel, operation: str) -> str:
    inputs = _listed([name for name in DECIDING[1:] if name in fields]) or "a prompt alone"
    why = "" if "operation" in fields else f" (which is what {inputs} would mean)"
    return f"{model.id} does {_listed(model.operations)}, not {operation}{why}"


def _substitute(model: CatalogModel, operation: str, meant: str, catalog: Catalog) -> str:
    """Return the nearest valid choice: the operation that the inputs fit, by this model or another one."""
    if meant in model.operations:
        return f": did you mean operation={meant!r}?" if meant != operation else f". {_can(model)}"
    able = [other.id for other in catalog.able(meant, like=model)]
    if not able:
        return f", and no model that is known here does {meant}."
    named = "" if meant == operation else f", operation={meant!r}"
    others = f" ({_listed(able[1:MAX_SUGGESTIONS])} can as well)" if able[1:] else ""
    return f": did you mean model={able[0]!r}{named}?{others}"


def _can(model: CatalogModel) -> str:
    return f"{model.id} does {_listed(model.operations)}."


def _model_warnings(fields: Mapping[str, Any], model: CatalogModel | None, catalog: Catalog) -> Iterator[str]:
    name = fields.get("model")
    if isinstance(name, str) and model is None:
        nearest = catalog.nearest(name)
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        yield f"The model {name[:80]!r} is not known here, so that its operation and inputs are not checked.{hint}"
    if model and not model.listed:
        yield _not_listed(fields, model, catalog)
    if model and not fields.keys().isdisjoint(AUDIO_TOGGLES) and model.audio == AUDIO_WITHOUT_TOGGLE:
        others = [other.id for other in catalog.models if other.audio == AUDIO_ON]
        hint = f" These have one: {', '.join(others[:MAX_SUGGESTIONS])}." if others else ""
        yield f"{model.id} has no stable audio toggle: output_audio may be ignored.{hint}"
    if "image_url" in fields and "image" in fields:
        yield "image_url and image were both given, and one image is used: leave one of them out."


def _not_listed(fields: Mapping[str, Any], model: CatalogModel, catalog: Catalog) -> str:
    operation = fields.get("operation") or infer(fields, model.operations) or next(iter(model.operations), "")
    listed = [other.id for other in catalog.able(str(operation), like=model) if other.listed]
    hint = f": did you mean {listed[0]!r}?" if listed else "."
    return f"The model {model.id!r} was {NOT_LISTED}, and may be gone{hint}"


def _listed(names: Collection[str]) -> str:
    *most, last = names or ("",)
    return f"{', '.join(most)} and {last}" if most else last
