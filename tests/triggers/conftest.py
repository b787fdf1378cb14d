"""A service to poll and statistics to tell, new for each test."""

from __future__ import annotations

import pytest

from tests.triggers.doubles import Metrics, Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()
