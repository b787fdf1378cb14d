"""Operators that move finished videos."""
