"""Hooks: an Airflow connection becomes a LemonData client."""
