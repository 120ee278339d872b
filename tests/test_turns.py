"""Turns at the wire: who hangs steps aside, and nobody's place is lost or given twice. In full: tests/soak/crowd.py."""

from __future__ import annotations

import asyncio
import contextlib
import resource

import pytest

from aggregator.fetch import Client, Guard, turns
from aggregator.fetch.turns import Turns
from aggregator.model import Request, Response
from tests.awkward import Awkward, drip, says
from tests.soak.crowd import GOOD, MOST_SECONDS, campaign, site


async def free(of: Turns) -> int:
    """How many turns there are to be had."""
    count = 0
    while not of._free.locked():
        await of._free.acquire()
        count += 1
    return count


@pytest.mark.parametrize(
    ("kind", "patience", "seconds"), [("hosts", turns.PATIENCE, MOST_SECONDS), ("mute", turns.PATIENCE, MOST_SECONDS),
                                      pytest.param("hosts", 1000.0, 1.5, marks=pytest.mark.xfail(raises=TimeoutError))],
    ids=["hosts", "mute", "nobody steps aside"],
)  # fmt: skip
def test_two_hundred_that_hang_before_ten_good_ones(
    kind: str, patience: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", patience)

    async def work(port: int) -> None:
        async def lookup(host: str) -> list[str]:
            return ["127.0.0.1"]

        async with Client("test", Guard(("127.0.0.1",)), concurrency=20) as client:
            client.names.lookup = lookup
            room = client._turns._room

            async def poll(url: str) -> bool:
                async with client.slot(url) as turn:
                    return isinstance(await client.get(Request(url), turn), Response)

            hanging = [asyncio.create_task(poll(f"http://h{n}.example:{port}/{kind}")) for n in range(200)]
            await asyncio.sleep(0)
            async with asyncio.timeout(seconds):
                assert all(await asyncio.gather(*(poll(f"http://g{n}.example:{port}/good/{n}") for n in range(10))))
            assert not any(task.done() for task in hanging)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            assert (await free(client._turns), client._turns._room) == (20, room), "no place is lost, none given twice"

    with site() as port:
        asyncio.run(work(port))


@pytest.mark.parametrize("room", [0, 2])
def test_no_more_step_aside_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.01)

    async def work() -> int:
        of = Turns(4)
        of._room = room
        running = most = 0

        async def one() -> None:
            nonlocal running, most
            async with of.turn() as turn:
                running += 1
                most = max(most, running)
                await turn.patience(asyncio.sleep(0.05))
                running -= 1

        await asyncio.gather(*(one() for _ in range(30)))
        assert (await free(of), of._room) == (4, room)
        return most

    assert asyncio.run(work()) == 4 + room


def test_who_stepped_aside_comes_back_for_the_answer(site: Awkward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    whole = says(b"x" * 200_000)
    site.plays["*"] = drip([whole[:20], whole[20:100], whole[100:]], 0.05)

    async def work() -> None:
        async with Client("test", Guard(("127.0.0.1",)), concurrency=4, per_host=50) as client:

            async def poll(number: int) -> int:
                url = site.url(f"/{number}")
                async with client.slot(url) as turn:
                    answer = await client.get(Request(url), turn)
                    assert isinstance(answer, Response), answer
                    assert not turn._aside, "what is large in memory has a turn"
                    return len(answer.body)

            assert await asyncio.gather(*map(poll, range(20))) == [200_000] * 20
            assert await free(client._turns) == 4

    asyncio.run(work())


def test_a_process_that_may_open_few_files_opens_few(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (64, 64)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, to: limits.update(now=to))
    few = Turns(100)
    assert (few.most, few._room) == (24, 0)
    limits["now"] = (1024, 4096)
    many = Turns(100)
    assert (many.most, many._room, limits["now"]) == (100, 1000, (1140, 4096))


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "count"), [("hosts", 1000), ("host", 1000), ("mute", 1000), ("names", 200)])
def test_a_thousand_bad_feeds_before_ten_good_ones(kind: str, count: int) -> None:
    seen = campaign(kind, count)
    assert (seen.good, seen.code) == (GOOD, 0)
    assert seen.seconds < MOST_SECONDS


def test_nobody_begins_in_a_crowd() -> None:
    async def work() -> None:
        turns, leave = Turns(8), asyncio.Event()

        async def fetch(laden: bool) -> None:
            async with turns.turn() as turn:
                if laden:
                    turn.laden()
                    turn.laden()
                await leave.wait()

        async def is_crowded() -> bool:
            await asyncio.sleep(0.01)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(turns.uncrowded(), 0.05)
                return False
            return True

        silent = [asyncio.create_task(fetch(False)) for _ in range(5)]
        assert not await is_crowded(), "five on their way are none"
        laden = [asyncio.create_task(fetch(True))]
        assert await is_crowded(), "with one that has its document, half of eight may be on their way"
        silent.pop().cancel()
        assert not await is_crowded()
        for task in silent:
            task.cancel()
        laden.append(asyncio.create_task(fetch(True)))
        assert not await is_crowded(), "two with a document, a quarter of eight, are none"
        laden.append(asyncio.create_task(fetch(True)))
        assert await is_crowded(), "three are"
        waits = asyncio.create_task(turns.uncrowded())
        leave.set()
        await asyncio.gather(*laden)
        await asyncio.wait_for(waits, 5)
        leave.clear()
        more = [asyncio.create_task(fetch(False)) for _ in range(8 + 3)]
        assert await is_crowded(), "three wait for a turn"
        for task in more[-2:]:
            task.cancel()
        assert not await is_crowded(), "who gave up waits no more"
        leave.set()
        await asyncio.gather(*more, return_exceptions=True)

    asyncio.run(work())
