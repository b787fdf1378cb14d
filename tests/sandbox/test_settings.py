from __future__ import annotations

import pytest

from lemondata_provider.sandbox.settings import SettingError, Settings


def test_changed_values_override_the_defaults():
    settings = Settings().changed({"generation_seconds": 3, "expired_keys": ["sk-old"], "forget_after": None})
    assert settings == Settings(generation_seconds=3, expired_keys=("sk-old",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generation_seconds", "3"),
        ("generation_seconds", -1.0),
        ("generation_seconds", float("nan")),
        ("fps", 2.5),
        ("fps", True),
        ("fps", 0),
        ("unknown_fields", 1),
        ("id_field", "uuid"),
        ("model_not_found_status", 400.0),
        ("model_not_found_status", 500),
        ("expired_keys", "sk-old"),
        ("expired_keys", [1]),
        ("balance_usd", "much"),
        ("id_prefix", "../"),
        ("link_seconds", "soon"),
        ("link_seconds", -1),
        ("range_requests", "some"),
    ],
)
def test_changed_invalid_value_is_refused_with_its_name(name, value):
    with pytest.raises(SettingError, match=name):
        Settings().changed({name: value})


def test_changed_unknown_setting_is_refused_with_its_name():
    with pytest.raises(SettingError, match="no setting 'genration_seconds'"):
        Settings().changed({"genration_seconds": 1})


def test_public_settings_with_keys_hold_none():
    shown = Settings(api_key="sk-real", other_keys=("sk-b",), expired_keys=("sk-c",)).public()
    assert shown["generation_seconds"] == 10
    assert "sk-" not in str(shown)
