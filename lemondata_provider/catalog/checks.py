"""
What is wrong with a request, found before it is paid for: pure, and quick enough to run while a DAG file is read.

A message says what is wrong, what the model can do, and what was probably meant. A model that is not in the catalog
may be newer than this package: nothing is said about its operations and inputs.
"""

from __future__ import annotations

from collections import namedtuple

from lemondata_provider.catalog.catalog import AUDIO_ON, AUDIO_WITHOUT_TOGGLE
from lemondata_provider.catalog.media import not_public, plain_http
from lemondata_provider.catalog.operations import (
    DECIDING,
    NEEDS,
    brings_unknown_fields,
    fitting,
    infer,
    missing,
    needs_of,
    surplus,
)
from lemondata_provider.catalog.values import wrong_values, wrong_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from lemondata_provider.catalog.catalog import Catalog, CatalogModel

EXTRA = "extra_params"
AUDIO_TOGGLES = ("output_audio", "outputAudio")
SHOWN = 4


class Findings(namedtuple("Findings", ("errors", "warnings", "elsewhere"))):
    """
    What was found in a request, in sentences.

    :param errors: what the documentation says is wrong.
    :param warnings: what is probably not meant, or cannot be checked.
    :param elsewhere: warnings that do not count where LemonData's base URL is local, as the sandbox's is.
    """

    __slots__ = ()
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    elsewhere: tuple[str, ...]


def check(fields: Mapping[str, Any], catalog: Catalog, undecided: Collection[str] = ()) -> Findings:
    """
    Check a request.

    :param fields: what is sent; a field that was not given, or that is ``None``, is not in it.
    :param catalog: which models there are.
    :param undecided: the fields whose values are not known yet, ``extra_params`` for those of no name of their own:
        nothing is said that depends on them.
    """
    model = None if "model" in undecided else catalog.find(str(fields.get("model")))
    errors, words = list(wrong_values(fields)), list(wrong_words(fields))
    errors += words if model else ()  # a model that is not known here may have words of its own
    if model and model.operations and "operation" not in undecided and isinstance(fields.get("operation", ""), str):
        errors += _operation_errors(fields, model, catalog, undecided)
    unsure = () if model else words
    warnings = [*_model_warnings(fields, model, catalog), *unsure, *plain_http(fields)]
    return Findings(tuple(errors), tuple(dict.fromkeys(warnings)), tuple(dict.fromkeys(not_public(fields))))


def _operation_errors(
    fields: Mapping[str, Any], model: CatalogModel, catalog: Catalog, undecided: Collection[str]
) -> Iterator[str]:
    named, open_inputs = fields.get("operation"), not {*DECIDING, EXTRA}.isdisjoint(undecided)
    if named is None and open_inputs and len(model.operations) > 1:
        return
    operation = named or infer(fields, model)
    meant = (None if open_inputs else fitting(fields)) or operation
    if operation is None or meant is None:
        if not brings_unknown_fields(fields):
            yield _undecidable(fields, model)
    elif operation in model.operations:
        if lacking := missing(fields, operation, undecided):
            yield _incomplete(lacking, model, operation, meant)
        if unused := surplus(fields, operation):
            said = f"{model.id}: {operation} has no use for {_listed(unused)}"
            yield said + _substitute(model, operation, meant, catalog)
    elif operation in NEEDS:  # otherwise it is no operation at all, which was said already
        yield _unable(fields, model, operation) + _substitute(model, operation, meant, catalog)


def _undecidable(fields: Mapping[str, Any], model: CatalogModel) -> str:
    given = _listed([name for name in DECIDING if name in fields])
    why = f"is unclear from {given} alone: name it" if given else "is unclear from nothing"
    can = "; ".join(f"{operation} ({needs_of(operation)})" for operation in model.operations)
    return f"{model.id}: which operation is meant {why}. It does {can}."


def _incomplete(lacking: list[str], model: CatalogModel, operation: str, meant: str) -> str:
    said = f"{model.id}: {operation} needs {needs_of(operation)}, and this request has no {' and no '.join(lacking)}"
    other = meant != operation and meant in model.operations
    return f"{said}: did you mean operation={meant!r}?" if other else f"{said}. {_can(model)}"


def _unable(fields: Mapping[str, Any], model: CatalogModel, operation: str) -> str:
    inputs = _listed([name for name in DECIDING[1:] if name in fields]) or "a prompt alone"
    why = "" if "operation" in fields else f" (which is what {inputs} would mean)"
    return f"{model.id} does {_listed(model.operations)}, not {operation}{why}"


def _substitute(model: CatalogModel, operation: str, meant: str, catalog: Catalog) -> str:
    """Say which choice is valid and nearest: the operation that the inputs fit, by this model or by another one."""
    if meant in model.operations:
        return f": did you mean operation={meant!r}?" if meant != operation else f". {_can(model)}"
    able = [other.id for other in catalog.able(meant, like=model)]
    if not able:
        return f", and no model that is known here does {meant}."
    named = "" if meant == operation else f", operation={meant!r}"
    others = f" ({_listed(able[1:SHOWN])} can as well)" if able[1:] else ""
    return f": did you mean model={able[0]!r}{named}?{others}"


def _can(model: CatalogModel) -> str:
    return f"{model.id} does {_listed(model.operations)}."


def _model_warnings(fields: Mapping[str, Any], model: CatalogModel | None, catalog: Catalog) -> Iterator[str]:
    name = fields.get("model")
    if isinstance(name, str) and model is None:
        nearest = catalog.nearest(name)
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        yield f"The model {name[:80]!r} is not known here, so that its operation and inputs are not checked.{hint}"
    if model and not fields.keys().isdisjoint(AUDIO_TOGGLES) and model.audio == AUDIO_WITHOUT_TOGGLE:
        others = [other.id for other in catalog.models if other.audio == AUDIO_ON]
        hint = f" These have one: {', '.join(others[:SHOWN])}." if others else ""
        yield f"{model.id} has no stable audio toggle: output_audio may be ignored.{hint}"
    if "image_url" in fields and "image" in fields:
        yield "image_url and image were both given, and one image is used: leave one of them out."


def _listed(names: Collection[str]) -> str:
    *most, last = names or ("",)
    return f"{', '.join(most)} and {last}" if most else last
