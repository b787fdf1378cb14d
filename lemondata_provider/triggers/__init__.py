"""Triggers: a task is waited for in the triggerer, where it holds no worker."""
