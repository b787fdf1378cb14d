"""Which models there are, what they can do, and what is wrong with a request: known before anything is paid for."""

from lemondata_provider.catalog.catalog import Catalog, CatalogError, CatalogModel, load, recommend

__all__ = ["Catalog", "CatalogError", "CatalogModel", "load", "recommend"]
