"""A real Airflow in local processes, and databases for it: the demo and the tests start it with these modules."""
