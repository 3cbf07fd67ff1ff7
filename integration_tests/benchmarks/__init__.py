"""Measures both connectors against the simulator: `python -m benchmarks` in `integration_tests`, or `make bench`."""
