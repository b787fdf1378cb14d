"""What this provider adds to Airflow's UI: the page of videos, a tab and a tile."""
