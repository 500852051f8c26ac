"""The papers: their tables as suites, reproduction, claims; a folder a paper holds its TOML and CSV files."""
