"""What every room builds on: the nouns, registry, options, errors, files, places, environment, run context."""
