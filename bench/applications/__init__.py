"""Applications of inversion, one per file; each draws a figure and, where a measure exists, a table."""
