"""Metrics and the feature networks they look through."""
