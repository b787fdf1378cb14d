"""The demo: a real Airflow generates two clips and upscales them."""
