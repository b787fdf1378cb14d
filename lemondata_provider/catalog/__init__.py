"""The known models, and checks of a request against them before anything is paid for."""

from lemondata_provider.catalog.catalog import Catalog, CatalogError, CatalogModel, load, recommend

__all__ = ["Catalog", "CatalogError", "CatalogModel", "load", "recommend"]
