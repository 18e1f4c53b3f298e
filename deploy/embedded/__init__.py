"""Engines that run from Python wheels: a ClickHouse server over chDB and a PostgreSQL, for laptops, demos and tests."""
