"""Leaderboards, figures and comparisons, drawn from stored records; no model is ever run here."""
