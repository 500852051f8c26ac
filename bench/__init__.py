"""Measures GAN inversion: suites in, comparable records and leaderboards out.

``bench.run("quickstart")`` returns a pandas table; importing this package loads neither torch nor pandas.
"""

from bench.api import run, run_suite

__all__ = ["run", "run_suite"]
__version__ = "0.1.0"
