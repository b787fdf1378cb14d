"""Sensors: wait for a task."""
