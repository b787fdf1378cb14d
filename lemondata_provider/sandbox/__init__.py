"""A local double of the LemonData video API, for demos and tests without a key and without cost.

The sandbox renders lazily: it renders a video when its file is requested for the first time.
Rendering needs PyAV and numpy. Without them the sandbox serves one ready-made MP4 for every task.
"""
