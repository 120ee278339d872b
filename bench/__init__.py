"""Benchmarks against peers and limits; never run by the tests. Each prints ratios within one run."""
