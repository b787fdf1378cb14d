"""The provider's entry point. Every Airflow command calls it, so it imports nothing."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "LemonData"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's modules and its connection type, with the fields of the connection form."""
    return {
        "package-name": "airflow-provider-lemondata",
        "name": "LemonData",
        "description": "AI video generation and upscaling through LemonData's unified video API.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.lemondata.cc",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": _INTEGRATION, "python-modules": ["lemondata_provider.hooks.lemondata"]}],
        "operators": [{"integration-name": _INTEGRATION, "python-modules": ["lemondata_provider.operators.video"]}],
        "sensors": [{"integration-name": _INTEGRATION, "python-modules": ["lemondata_provider.sensors.task"]}],
        "transfers": [
            {
                "source-integration-name": _INTEGRATION,
                "target-integration-name": "Object Storage",
                "python-module": "lemondata_provider.transfers.video_to_object_storage",
            }
        ],
        "triggers": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["lemondata_provider.triggers.models", "lemondata_provider.triggers.task"],
            }
        ],
        "task-decorators": [
            {
                "name": "lemondata_video",
                "class-name": "lemondata_provider.decorators.video.lemondata_video_task",
            }
        ],
        "extra-links": [
            f"lemondata_provider.links.{name}" for name in ("VideoLink", "FileLink", "DashboardLink", "ModelLink")
        ],
        "config": {
            "lemondata": {
                "description": "Settings of the LemonData provider.",
                "options": {
                    "catalog_path": {
                        "description": "Path of a catalog file: the models that the provider checks requests against. "
                        "Every machine that parses DAG files or runs tasks needs the file. Default: the provider's "
                        "own catalog.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/lemondata-models.json",
                        "default": None,
                    },
                    "record_prompts": {
                        "description": "Whether the XCom lemondata_video, which the page of videos shows, holds the "
                        "prompt and the negative prompt. Workers read this.",
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                    },
                    "media_roots": {
                        "description": "Folders whose videos the page of videos plays, each with the connection that "
                        "reads it, or null: a JSON object. Files anywhere else are not played, whatever an XCom says. "
                        "API servers read this. Default: none.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"s3://bucket/clips": "aws_default", "file:///data/clips": null}',
                        "default": None,
                    },
                },
            },
        },
        "cli": ["lemondata_provider.cli.get_commands"],
        "connection-types": [
            {
                "connection-type": "lemondata",
                "hook-name": "LemonData",
                "hook-class-name": "lemondata_provider.hooks.lemondata.LemonDataHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "schema", "port", "extra"],
                    "relabeling": {"password": "API key", "host": "Base URL"},
                    "placeholders": {
                        "host": "https://api.tokenlab.sh, or https://api.lemondata.cc",
                        "password": "sk-…",
                    },
                },
                "conn-fields": {
                    "timeout": {
                        "label": "Timeout",
                        "description": "Timeout of one request, in seconds. Default: 60.",
                        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
                    },
                    "requests_per_minute": {
                        "label": "Requests per minute",
                        "description": "Rate limit of your key: 1000 (user), 3000 (partner) or 10000 (VIP). "
                        "Deferred tasks stay below it. Default: 1000.",
                        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
                    },
                    "triggerers": {
                        "label": "Triggerers",
                        "description": "Number of triggerers that use this key. They share the rate limit equally. "
                        "Default: 1.",
                        "schema": {"type": ["integer", "null"], "minimum": 1},
                    },
                    "user_agent": {
                        "label": "User agent",
                        "description": "User-Agent header, for a gateway that refuses unknown ones. Default: the names "
                        "and versions of this provider, Airflow and Python.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "management_token": {
                        "label": "Management token",
                        "description": "Token of LemonData's management API (mt-…), for balance and usage. "
                        "Default: none.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "verify": {
                        "label": "CA file",
                        "description": "Path of a file with trusted certificates, for a gateway with a private CA. "
                        "Default: the environment's certificates.",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }
