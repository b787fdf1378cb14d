"""
The operators' use of :mod:`lemondata_provider.catalog`: infer the operation, and check a request before it is paid for.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any

from airflow.sdk.configuration import conf

from lemondata_provider.api.errors import ConfigurationError, InvalidRequestError
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.catalog import Catalog, CatalogError, load
from lemondata_provider.catalog.checks import EXTRA, Findings, check
from lemondata_provider.catalog.media import is_local
from lemondata_provider.catalog.operations import infer
from lemondata_provider.hooks.arguments import is_literal, names_of_models
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.settings import ConnectionSettings
from lemondata_provider.hooks.version_compat import is_from_mapped
from lemondata_provider.operators.request_fields import rendered_fields, request_fields

VALIDATIONS = ("strict", "warn", "off")
BYPASS = 'If this is newer than the package, validation="warn" submits it all the same.'


def catalog() -> Catalog:
    """
    Return the catalog that ``[lemondata] catalog_path`` names. Default: the package's own.

    :raises ConfigurationError: the file is missing or invalid.
    """
    path = conf.get("lemondata", "catalog_path", fallback=None)
    try:
        return load(os.path.expanduser(path) if path else None)
    except CatalogError as error:
        raise ConfigurationError(f"Airflow's configuration, [lemondata] catalog_path: {error}") from None


def checked_requests(operator: Any) -> list[VideoRequest]:
    """
    Return the request of an operator, then the same request for each fallback model.

    :raises InvalidRequestError: a field is invalid; nothing was sent.
    """
    given = rendered_fields(operator)
    models = (given["model"], *names_of_models("fallback_models", given.pop("fallback_models")))
    return [VideoRequest.checked(**{**given, "model": model}) for model in models]


def with_operations(requests: list[VideoRequest]) -> list[VideoRequest]:
    """
    Return the requests with their operation: the given one, or the one that the inputs mean.

    :param requests: the request, then the same request for each fallback model, with the operation of the first.
    """
    if requests[0].operation:
        return requests
    models = _valid_catalog()
    meant = _inferred(requests[0].fields(), models)
    return [
        request.model_copy(update={"operation": meant or _inferred(request.fields(), models)}) for request in requests
    ]


def _inferred(body: dict[str, Any], models: Catalog) -> str | None:
    return infer(body, models.operations_of(str(body.get("model"))))


def _valid_catalog() -> Catalog:
    """Return the catalog, or the package's own if the configured file is invalid: a strict check raises that."""
    try:
        return catalog()
    except ConfigurationError:
        return load()


def check_requests(requests: list[VideoRequest], validation: str, hook: LemonDataHook) -> None:
    """
    Check requests before they are submitted, and log the warnings.

    :param requests: the request, then the same request for each fallback model.
    :param validation: ``strict``, ``warn`` (refuses nothing) or ``off``.
    :param hook: its log takes the warnings; its base URL says whether media may be local.
    :raises InvalidRequestError: the findings, in strict validation.
    """
    if validation == "off":
        return
    models = catalog() if validation == "strict" else _valid_catalog()
    findings = _check_all([request.fields() for request in requests], models)
    if validation == "strict":
        _refuse(findings.errors)
    media_warnings = findings.media_warnings
    if media_warnings and _has_local_base_url(hook):  # a look-up of the connection, only where it decides
        media_warnings = ()
    for sentence in (*findings.errors, *findings.warnings, *media_warnings):
        hook.log.warning("%s", redact(sentence))


def check_literals(operator: Any) -> None:
    """
    Check the literal fields of an operator while its DAG file is parsed.

    A mapped task is checked before it submits: Airflow would retry an error while it expands the task.

    :param operator: an operator with the request's fields, ``fallback_models`` and ``validation``; the names in its
        ``returned_fields``, if it has them, may be given at run time.
    :raises InvalidRequestError: a literal that no request can have, or the findings in strict validation.
    """
    if is_from_mapped(operator):
        return
    given = request_fields(operator)
    fallbacks = given.pop("fallback_models")
    undecided = _undecided(operator, given)
    fields = {name: _plain(value) for name, value in given.items() if value is not None and name not in undecided}
    _parse_literals(given, undecided)
    is_known = is_literal(fallbacks, operator.template_ext)
    models = names_of_models("fallback_models", fallbacks) if is_known else []
    if operator.validation == "strict":
        extra = fields.pop(EXTRA, {})
        bodies = [{**fields, **extra}, *({**fields, **extra, "model": model} for model in models)]
        _refuse(_check_all(bodies, catalog(), undecided).errors)
    if not undecided:
        VideoRequest.checked(**given)


def _undecided(operator: Any, given: dict[str, Any]) -> set[str]:
    """Return the fields that are known at run time only: templates, and what a decorated function may return."""
    returned = getattr(operator, "returned_fields", ())
    return {
        name
        for name, value in given.items()
        if not is_literal(value, operator.template_ext) or (value is None and name in returned)
    }


def _parse_literals(given: dict[str, Any], undecided: Collection[str]) -> None:
    """Refuse a literal that its field cannot have; fields that are not known yet are left out."""
    fields = {name: value for name, value in given.items() if name not in undecided}
    extra = fields.get(EXTRA) or {}
    for name in ("model", "prompt"):  # a request cannot be without them
        if (name in undecided or (name == "prompt" and fields[name] is None)) and name not in extra:
            fields[name] = "known when it is rendered"
    VideoRequest.checked(**fields)


def _check_all(bodies: list[dict[str, Any]], models: Catalog, undecided: Collection[str] = ()) -> Findings:
    """Check a request, and the same operation with its fallback models."""
    first, *fallbacks = bodies
    meant = first.get("operation") or (None if undecided else _inferred(first, models))
    operation = {"operation": meant} if meant else {}
    findings = check(first, models, undecided)
    others = [check({**body, **operation}, models, undecided) for body in fallbacks]
    errors = (f"Fallback {error}" for other in others for error in other.errors if error not in findings.errors)
    warnings = (warning for other in others for warning in other.warnings)
    return Findings(
        (*findings.errors, *dict.fromkeys(errors)),
        tuple(dict.fromkeys((*findings.warnings, *warnings))),
        findings.media_warnings,
    )


def _refuse(errors: Sequence[str]) -> None:
    if errors:
        raise InvalidRequestError(f"{' '.join(errors)} {BYPASS}")


def _has_local_base_url(hook: LemonDataHook) -> bool:
    try:
        connection = hook.get_connection(hook.lemondata_conn_id)
        return is_local(ConnectionSettings.read(connection).base_url)
    except Exception:  # noqa: BLE001 # the submit reports what is wrong with the connection; this is for a warning
        return True


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
