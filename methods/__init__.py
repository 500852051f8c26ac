"""Inversion methods, a file a family. Each returns codes; the harness decodes and scores them."""
