"""
What is known of models, put to use by operators: the operation that is meant, and what is wrong, before it is paid for.

Where the knowledge comes from is said in :mod:`lemondata_provider.catalog`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any

from airflow.sdk.configuration import conf

from lemondata_provider.api.errors import ConfigurationError, InvalidRequestError
from lemondata_provider.api.redaction import redact, unshield
from lemondata_provider.api.request import REQUEST_FIELDS, VideoRequest
from lemondata_provider.catalog import Catalog, CatalogError, load
from lemondata_provider.catalog.checks import EXTRA, Findings, check
from lemondata_provider.catalog.media import is_local
from lemondata_provider.catalog.operations import infer
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.hooks.version_compat import is_from_mapped

VALIDATIONS = ("strict", "warn", "off")
WAY_OUT = 'If this is newer than the package, validation="warn" submits it all the same.'


def catalog() -> Catalog:
    """
    Return the inventory: the one that ``[lemondata] catalog_path`` names, or the one that comes with this package.

    :raises ConfigurationError: what is wrong with the file that is named.
    """
    path = conf.get("lemondata", "catalog_path", fallback=None)
    try:
        return load(os.path.expanduser(path) if path else None)
    except CatalogError as error:
        raise ConfigurationError(f"Airflow's configuration, [lemondata] catalog_path: {error}") from None


def with_operations(requests: list[VideoRequest]) -> list[VideoRequest]:
    """
    Return the requests with their operations, inferred if none is given and the inputs decide.

    :param requests: the request, and after it the same one for each fallback model: they do what the first one does.
    """
    if requests[0].operation:
        return requests
    known = _catalog_at_hand()
    meant = _inferred(requests[0], known)
    return [request.model_copy(update={"operation": meant or _inferred(request, known)}) for request in requests]


def _inferred(request: VideoRequest, known: Catalog) -> str | None:
    return infer(request.body(), known.find(request.model))


def _catalog_at_hand() -> Catalog:
    """Return the inventory, or the shipped one if the configured one is unreadable: the submit raises that."""
    try:
        return catalog()
    except ConfigurationError:
        return load()


def check_requests(requests: list[VideoRequest], validation: str, hook: LemonDataHook) -> None:
    """
    Check what is about to be submitted, and log what is worth a warning.

    :param requests: the request, and after it the same one for each fallback model.
    :param validation: ``strict``, ``warn`` (nothing is refused) or ``off``.
    :param hook: the connection, for the log, and to know whether its base URL is local.
    :raises InvalidRequestError: what is wrong, in strict validation.
    """
    if validation == "off":
        return
    known = catalog() if validation == "strict" else _catalog_at_hand()
    found = _check_all([request.body() for request in requests], known)
    if validation == "strict":
        _refuse(found.errors)
    elsewhere = found.elsewhere if found.elsewhere and _goes_elsewhere(hook) else ()
    for sentence in (*found.errors, *found.warnings, *elsewhere):
        hook.log.warning("%s", redact(sentence))


def check_literals(operator: Any) -> None:
    """
    Check of an operator what will not change any more, while its DAG file is read.

    A mapped task is checked before it submits: an error while Airflow expands it would be retried.

    :param operator: one with the fields of a request, ``fallback_models`` and ``validation``.
    :raises InvalidRequestError: what is wrong, in strict validation.
    """
    if operator.validation != "strict" or is_from_mapped(operator):
        return
    given = {name: unshield(getattr(operator, name)) for name in REQUEST_FIELDS}
    undecided = {name for name, value in given.items() if not _is_literal(value, operator.template_ext)}
    fields = {name: _plain(value) for name, value in given.items() if value is not None and name not in undecided}
    extra = fields.pop(EXTRA, {})
    fields |= extra if isinstance(extra, dict) else {}
    bodies = [fields, *({**fields, "model": model} for model in _literal_models(operator))]
    _refuse(_check_all(bodies, catalog(), undecided).errors)


def _check_all(bodies: list[dict[str, Any]], known: Catalog, undecided: Collection[str] = ()) -> Findings:
    """Check a request, and what its fallback models make of it."""
    first = bodies[0]
    meant = first.get("operation") or (None if undecided else infer(first, known.find(str(first.get("model")))))
    same = {"operation": meant} if meant else {}
    found = check(first, known, undecided)
    others = [check({**body, **same}, known, undecided) for body in bodies[1:]]
    fallback = (f"Fallback {error}" for other in others for error in other.errors if error not in found.errors)
    return Findings(
        (*found.errors, *dict.fromkeys(fallback)),
        tuple(dict.fromkeys((*found.warnings, *(warning for other in others for warning in other.warnings)))),
        found.elsewhere,
    )


def _refuse(errors: Sequence[str]) -> None:
    if errors:
        raise InvalidRequestError(f"{' '.join(errors)} {WAY_OUT}")


def _goes_elsewhere(hook: LemonDataHook) -> bool:
    """Say whether the base URL is known to be no local one."""
    try:
        connection = hook.get_connection(hook.lemondata_conn_id)
        return not is_local(ConnectionSettings.read(connection).base_url)
    except Exception:  # noqa: BLE001 # whatever is wrong with the connection: the submit tells it, and this is a warning
        return False


def _is_literal(value: Any, endings: Sequence[str]) -> bool:
    """Say whether Airflow renders a value to itself; what is of an unknown kind may become anything."""
    if isinstance(value, str):
        return not re.search(r"\{[{%#]", value) and not value.endswith(tuple(endings))
    if isinstance(value, (list, tuple)):
        return all(_is_literal(item, endings) for item in value)
    if isinstance(value, dict):
        return _is_literal([*value, *value.values()], endings)
    return value is None or isinstance(value, (int, float))


def _literal_models(operator: Any) -> list[str]:
    models = operator.fallback_models
    literal = isinstance(models, (list, tuple)) and _is_literal(models, operator.template_ext)
    return [model for model in models if isinstance(model, str)] if literal else []


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
