"""Sample publishers, bundled and served over real HTTP on loopback: everything at work without internet."""

from aggregator.demo.demo import Demo

__all__ = ["Demo"]
