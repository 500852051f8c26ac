"""Suites, keys, store, stages and their executor, checks of methods."""
