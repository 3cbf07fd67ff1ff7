"""Measures both connectors against the simulator: `python -m benchmarks`, or `make bench`."""
