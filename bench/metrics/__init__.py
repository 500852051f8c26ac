"""Metrics, and the feature networks through which they compare images."""
