"""Request -> Response | FetchError: one polite, bounded GET. Failures are values. The only door of httpx."""

from aggregator.fetch.client import Client
from aggregator.fetch.guard import Guard

__all__ = ["Client", "Guard"]
