"""Operators: submit a video."""
