"""``python -m bench.cli`` is ``ganinv``."""

from bench.cli import main

main()
