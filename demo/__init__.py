"""The demo, and the real but local Airflow that it, the end-to-end tests and the benchmarks run on."""
