"""
What OpenLineage learns of a task instance: the media that went in, and the files that this very process stored.

The package ``apache-airflow-providers-openlineage`` is optional. Only its listener calls these methods, in the worker,
and again after each stretch of a deferred task. Datasets are named as Airflow names its assets, or one file would be
two. No query, no user and no connection is in a name.

Source: https://openlineage.io/docs/spec/naming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from lemondata_provider.api.request import MEDIA_FIELDS

FACET = "lemondata_video"
FACTS = ("model", "operation", "task_id", "estimated_cost_usd", "skipped")
Name = tuple[str, str]


@dataclass(frozen=True)
class OpenLineage:
    """
    The classes of OpenLineage.

    :param lineage: ``OperatorLineage``.
    :param dataset: ``Dataset``.
    :param facet: a run facet with the :data:`FACTS`.
    """

    lineage: Callable[..., Any]
    dataset: Callable[..., Any]
    facet: Callable[..., Any]


@cache
def load_openlineage() -> OpenLineage | None:
    """Return the classes of OpenLineage, or ``None`` if it is not installed."""
    try:
        from airflow.providers.common.compat.openlineage.facet import Dataset, RunFacet  # noqa: PLC0415 # optional
        from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415 # optional
        from attrs import field, make_class  # noqa: PLC0415 # a package of OpenLineage's client
    except ImportError:
        return None
    fields = {name: field(default=None, kw_only=True) for name in FACTS}
    return OpenLineage(OperatorLineage, Dataset, make_class("LemonDataVideoRunFacet", fields, bases=(RunFacet,)))


class LineageMixin:
    """An operator that tells OpenLineage of its media and files."""

    load_openlineage: Callable[[], OpenLineage | None] = staticmethod(load_openlineage)
    last_result: Mapping[str, Any] | None

    def get_openlineage_facets_on_start(self) -> Any:
        """Return the lineage of a start or a resume."""
        return self._lineage({})

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of a success, with the files and the operator's own outlets."""
        return self._lineage(self.last_result or {}, getattr(self, "outlets", ()))

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """Return the lineage of a failure; without this, OpenLineage would report a success's outputs."""
        return self._lineage(self.last_result or {})

    def _lineage(self, result: Mapping[str, Any], outlets: Iterable[Any] = ()) -> Any:
        classes = self.load_openlineage()
        if classes is None:
            return None
        inputs = dataset_names([*media_of(self, result), *_uris(getattr(self, "inlets", ()))])
        # OpenLineage adds outlets by itself only if an operator names no dataset at all.
        outputs = dataset_names([*files_of(result), *_uris(outlets)])
        return classes.lineage(
            inputs=[classes.dataset(namespace=namespace, name=name) for namespace, name in inputs],
            outputs=[classes.dataset(namespace=namespace, name=name) for namespace, name in outputs],
            run_facets={FACET: classes.facet(**facts_of(self, result))},
        )


def dataset_names(uris: Iterable[Any]) -> list[Name]:
    """Return namespace and name of each URI once; what is no URI, such as inline media, is left out."""
    return list(dict.fromkeys(name for uri in uris if (name := dataset_name(uri))))


def dataset_name(uri: Any) -> Name | None:
    """Return namespace and name of a dataset, as the converters of Airflow's assets do."""
    if not isinstance(uri, str):
        return None
    try:
        parts = urlsplit(f"file://{uri}" if uri.startswith("/") else uri)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "file":
        return ("file", parts.path) if parts.path.strip("/") else None
    if not host:
        return None
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{host}", parts.path or "/"
    key = uri.partition("://")[2].partition("/")[2]  # a key may hold "?" and "#"
    return f"{parts.scheme}://{host}", key or "/"


def media_of(operator: Any, result: Mapping[str, Any]) -> Iterator[Any]:
    """
    Yield the media that went into a task instance.

    :param operator: one with fields of a request, or with a ``poll_url``.
    :param result: of the operator, if there is one.
    """
    poll_url = getattr(operator, "poll_url", None)
    for name in MEDIA_FIELDS:
        value = getattr(operator, name, None)
        yield from value if isinstance(value, (list, tuple)) else [value]
    elements = getattr(operator, "kling_elements", None)
    for element in elements if isinstance(elements, (list, tuple)) else ():
        urls = element.get("element_input_urls") if isinstance(element, Mapping) else None
        yield from urls if isinstance(urls, (list, tuple)) else ()
    if poll_url is not None:  # the video that is stored: known beforehand, or else only after the poll
        yield (poll_url.get("video_url") if isinstance(poll_url, Mapping) else None) or result.get("video_url")


def files_of(result: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the files that this process stored; one that was there already is none of them."""
    outputs = result.get("outputs")
    if not result.get("skipped") and isinstance(outputs, (list, tuple)):
        yield from (output.get("uri") for output in outputs if isinstance(output, Mapping))


def facts_of(operator: Any, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run facet says: from the result, or else what the operator was asked for."""
    poll_url = getattr(operator, "poll_url", None)
    before = dict(poll_url) if isinstance(poll_url, Mapping) else {}
    if poll_url is None:
        before = {name: getattr(operator, name, None) for name in ("model", "operation")}
    facts = {name: result.get(name, before.get(name)) for name in FACTS}
    return {name: value if isinstance(value, (str, bool)) else None for name, value in facts.items()}


def _uris(assets: Iterable[Any]) -> Iterator[Any]:
    """Yield the URIs of assets; an alias or a name alone has none."""
    return (uri for asset in assets if (uri := getattr(asset, "uri", None)))
