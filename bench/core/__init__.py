"""Foundations of all packages: types, registry, options, errors, files, folders, environment, run context."""
