"""Verification of anybody's records: what can be recomputed from a folder of results, and whether it agrees."""
