"""LemonData's video API over HTTP, without Airflow: calls as data, two thin clients, typed answers, one error tree."""
