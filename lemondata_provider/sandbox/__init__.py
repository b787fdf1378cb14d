"""A local double of the LemonData video API, for demos and tests without a key and without cost."""
