"""Measures GAN inversion: suites in, comparable records and leaderboards out."""

__version__ = "0.1.0"
