"""Benchmarks: each is a command that prints figures beside a reference of the same run."""
