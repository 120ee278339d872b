"""What a conditional GET costs the client: CPU time per 304, side by side in one run.

    python -m bench.client [requests]          (pip install httpx-aiohttp for the aiohttp rows)

`hosts` is how many servers are polled at the same time, each with a connection of its own. The figures are ratios to
the first row; the server is another process, so its time is not in them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from aggregator.fetch import Client, Guard
from aggregator.model import Request

ETAG = '"bench"'
Get = Callable[[str], Awaitable[int]]


def serve(listener: socket.socket) -> None:
    """Says 304 to everything, on every address of loopback."""

    class Not(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(b"HTTP/1.1 304 Not Modified\r\nETag: " + ETAG.encode() + b"\r\n\r\n" * 1)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Not, sock=listener)
        await server.serve_forever()

    asyncio.run(main())


async def ours(run: Callable[[Get], Awaitable[float]]) -> float:
    async with Client("bench", Guard(("127.0.0.0/8",)), concurrency=1000) as client:

        async def get(url: str) -> int:
            async with client.slot(url):
                answer = await client.get(Request(url, ETAG))
            return answer.status or 0

        return await run(get)


async def bare(run: Callable[[Get], Awaitable[float]]) -> float:
    """What is under ours: a connection each, and nothing else."""

    async def get(url: str) -> int:
        async with asyncio.timeout(30), httpcore.AsyncHTTPConnection(httpcore.URL(url).origin) as connection:
            headers = {"Host": urlsplit(url).netloc, "If-None-Match": ETAG}
            return (await connection.request("GET", url, headers=headers)).status

    return await run(get)


async def pooled(run: Callable[[Get], Awaitable[float]], transport: httpx.AsyncBaseTransport | None = None) -> float:
    limits = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
    async with httpx.AsyncClient(limits=limits, transport=transport, trust_env=False) as client:

        async def get(url: str) -> int:
            async with asyncio.timeout(30):
                return (await client.get(url, headers={"If-None-Match": ETAG})).status_code

        return await run(get)


async def over_aiohttp(run: Callable[[Get], Awaitable[float]]) -> float:
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1000))
    return await pooled(run, AiohttpTransport(client=session))


async def measure(hosts: int, requests: int, port: int, get: Get) -> float:
    """Milliseconds of CPU for each request, `hosts` of them under way at a time."""
    urls = [f"http://127.0.{n // 250}.{n % 250 + 1}:{port}/feed" for n in range(hosts)]

    async def poll(url: str, times: int) -> None:
        for _ in range(times):
            status = await get(url)
            assert status == 304, status

    await asyncio.gather(*(poll(url, 1) for url in urls))
    start = time.process_time()
    await asyncio.gather(*(poll(url, requests // hosts) for url in urls))
    return (time.process_time() - start) * 1000 / (requests // hosts * hosts)


def main(requests: int = 2000) -> None:
    listener = socket.create_server(("0.0.0.0", 0), backlog=1000)
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
    server.start()
    port = listener.getsockname()[1]
    clients = {
        "aggregator (a connection each)": ours,
        "bare httpcore, a connection each": bare,
        "httpx, one pool": pooled,
    }
    if importlib.util.find_spec("httpx_aiohttp"):
        clients["httpx over aiohttp, one pool"] = over_aiohttp
    first = 0.0
    print(f"{'client':32} {'hosts':>5} {'ms CPU':>7} {'ratio':>6}")
    for hosts in (8, 100):
        for name, client in clients.items():
            spent = asyncio.run(client(lambda get, hosts=hosts: measure(hosts, requests, port, get)))
            first = first or spent
            print(f"{name:32} {hosts:5} {spent:7.2f} {spent / first:6.1f}")
    server.kill()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
