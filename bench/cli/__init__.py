"""Words in, calls out: a file a group of commands, no logic."""
