"""What Airflow's UI shows of a video: one XCom per task instance, and a second one for the progress."""
