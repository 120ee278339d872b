"""The client that a configuration asks for."""

from __future__ import annotations

import importlib.metadata

from aggregator.config import Config
from aggregator.fetch.client import Client
from aggregator.fetch.guard import Guard


def client_for(config: Config) -> Client:
    """The HTTP client that a configuration asks for. Raises FetchError where `fetch.proxy` is no address."""
    fetch = config.fetch
    agent, guard = user_agent(fetch.contact), Guard(fetch.allow_private)
    return Client(agent, guard, fetch.concurrency, fetch.per_host, fetch.proxy)


def user_agent(contact: str | None) -> str:
    """What we call ourselves to servers."""
    return f"aggregator/{importlib.metadata.version('aggregator')}" + (f" (+{contact})" if contact else "")
