"""A fake service and fake metrics, new for each test."""

from __future__ import annotations

import pytest

from tests.triggers.doubles import FakeTaskService, Metrics


@pytest.fixture
def service() -> FakeTaskService:
    return FakeTaskService()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()
