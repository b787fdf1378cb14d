"""Apache Airflow provider for LemonData's unified video API."""

__version__ = "0.1.0"
