"""Papers: their tables as suites, reproduction and claims; one folder with TOML and CSV files for each paper."""
