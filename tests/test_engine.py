"""Workers: a document that hangs, grows or crashes costs its own poll, and nobody else's."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aggregator.digest import Digest, Job, digest
from aggregator.engine import Here, Workers
from aggregator.errors import ParseError
from aggregator.model import Response, Subscription
from aggregator.worker import packed, unpacked
from tests.conftest import Post, rss

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the limits are POSIX")

GOOD = rss(Post("One", link="http://x.example/1"))


def job(body: bytes) -> Job:
    return Job(Response("http://x.example/f", 200, (), body), Subscription("http://x.example/f"))


def work(job: Job) -> Digest | ParseError:
    """What hostile documents could do to a worker; all others are digested."""
    match job.response.body:
        case b"hang":
            time.sleep(120)
        case b"loop":
            while True:
                pass
        case b"grow":
            return ParseError(str(len(bytearray(2**30))))
        case b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"frozen":
            return ParseError(str(gc.get_freeze_count()))
        case b"time":
            return ParseError(str(time.monotonic()))
        case b"print":
            print("an answer?", sys.stdin.read(), flush=True)
        case b"large":
            return ParseError("x" * 2**22)
        case b"sigint":
            return ParseError(str(signal.getsignal(signal.SIGINT)))
        case b"raise":
            raise RuntimeError("a bug of ours")
    if job.response.body.startswith(b"die once ") and (fate := Path(job.response.body[9:].decode())).exists():
        fate.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return digest(job)


def children() -> set[str]:
    return {child for file in Path("/proc/self/task").glob("*/children") for child in file.read_text().split()}


def digested(*bodies: bytes, count: int = 2, time_limit: float = 2.5) -> list[Digest | ParseError]:
    async def all_of_them() -> list[Digest | ParseError]:
        async with Workers(count, time_limit, 512 * 2**20, work) as engine:
            return await asyncio.gather(*(engine.run(job(body)) for body in bodies))

    return asyncio.run(all_of_them())


def test_a_worker_gives_what_this_process_gives() -> None:
    async def here() -> Digest | ParseError:
        async with Here() as engine:
            return await engine.run(job(GOOD))

    assert digested(GOOD) == [asyncio.run(here())]
    [no_feed] = digested(b"<html>")
    assert str(no_feed) == "is a web page, not a feed"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"hang", "could not be read within 2.5 s"),
        (b"loop", "could not be read within 2.5 s"),
        (b"grow", "more than 512 MiB"),
        (b"die", "ended the worker process"),
        (b"raise", "RuntimeError: a bug of ours"),
    ],
)
def test_neighbours_of_a_hostile_document_are_unharmed(body: bytes, said: str) -> None:
    results = digested(GOOD, body, GOOD, GOOD, count=1)
    assert isinstance(results[1], ParseError)
    assert said in str(results[1])
    for number in (0, 2, 3):
        result = results[number]
        assert isinstance(result, Digest)
        assert len(result.items) == 1


def test_more_hanging_documents_than_workers_do_not_stop_the_others() -> None:
    results = digested(b"hang", b"loop", b"hang", GOOD, GOOD)
    assert [type(result) for result in results] == [ParseError] * 3 + [Digest] * 2


def test_a_process_that_somebody_else_ended_costs_nothing(tmp_path: Path) -> None:
    fate = tmp_path / "fate"
    fate.touch()
    [result] = digested(b"die once " + str(fate).encode())
    assert isinstance(result, ParseError)
    assert "is plain text, not a feed" in str(result), "as another worker found it"
    assert not fate.exists()


def test_workers_leave_ctrl_c_to_the_daemon_and_their_modules_to_nobodys_collector() -> None:
    [ignored, frozen] = digested(b"sigint", b"frozen")
    assert str(ignored) == str(signal.SIG_IGN)
    assert int(str(frozen)) > 10_000


def test_what_goes_between_processes_comes_as_it_was() -> None:
    for value in (job(GOOD), digest(job(GOOD)), job(os.urandom(2**20))):
        assert unpacked(packed(value)) == value


def test_a_worker_loads_no_event_loop() -> None:
    script = "import sys, aggregator.worker, aggregator.digest; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here to see child processes in")
def test_workers_start_with_the_first_job_and_end_with_the_engine() -> None:
    async def digests() -> None:
        async with Workers(1) as engine:
            assert children() == before
            await engine.run(job(GOOD))
            assert len(children() - before) == 1
        assert children() == before

    before = children()
    asyncio.run(digests())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here to see child processes in")
def test_all_workers_but_one_end_when_there_is_little_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.engine.workers._REST", 0.5)

    async def digests() -> None:
        async with Workers(3) as engine:
            await asyncio.gather(*(engine.run(job(GOOD)) for _ in range(9)))
            assert len(children() - before) == 3
            async with asyncio.timeout(10):
                while len(children() - before) > 1:
                    await engine.run(job(GOOD))
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            assert len(children() - before) == 1, "one stays"
            results = await asyncio.gather(*(engine.run(job(GOOD)) for _ in range(9)))
            assert all(isinstance(result, Digest) for result in results)
            assert len(children() - before) == 3, "and others come back"

    before = children()
    asyncio.run(digests())


def test_a_worker_has_its_next_document_before_anybody_takes_what_it_made_of_the_last() -> None:
    async def digests() -> None:
        async with Workers(1, work=work) as engine:
            await engine.run(job(GOOD))
            results = [asyncio.create_task(engine.run(job(b"time"))) for _ in range(2)]
            await asyncio.sleep(0)  # both are given to it
            time.sleep(1)
            late = time.monotonic()
            for result in await asyncio.gather(*results):
                assert float(str(result)) < late - 0.5

    asyncio.run(digests())


def test_what_is_printed_in_a_worker_is_no_answer_and_a_large_answer_comes_whole() -> None:
    [printed, large, good] = digested(b"print", b"large", GOOD, count=1)
    assert "is plain text, not a feed" in str(printed)
    assert len(str(large)) == 2**22
    assert isinstance(good, Digest)


def test_nothing_is_loaded_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pickle", "aggregator"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of somebody else')")
    monkeypatch.chdir(tmp_path)
    assert isinstance(digested(GOOD)[0], Digest)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here to see processes in")
@pytest.mark.parametrize("body", [b"loop", b"x"])
def test_a_worker_outlives_a_killed_daemon_by_no_more_than_its_document(body: bytes) -> None:
    script = (
        "import asyncio, os\nfrom tests.test_engine import *\n"
        "async def main():\n"
        "    engine = Workers(1, 1.5, 2**30, work)\n"
        f"    task = asyncio.create_task(engine.run(job({body!r})))\n"
        "    await asyncio.sleep(1)\n"
        "    print(*children(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, check=False, text=True)
    worker = Path(f"/proc/{int(done.stdout)}")
    until = time.monotonic() + 20
    while worker.exists() and worker.joinpath("cmdline").read_bytes():  # empty where nobody has buried it yet
        assert time.monotonic() < until
        time.sleep(0.1)


def test_where_no_process_can_be_started_the_document_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    [result] = digested(GOOD)
    assert "no process to read the document could be started: " in str(result)


def test_nobody_waits_for_workers_that_have_ended() -> None:
    async def digests() -> list[object]:
        async with Workers(1, work=work) as engine:
            waiting = [asyncio.create_task(engine.run(job(body))) for body in (b"hang", GOOD, GOOD)]
            await asyncio.sleep(1)
        async with asyncio.timeout(5):
            return await asyncio.gather(*waiting, return_exceptions=True)

    [hanging, given, queued] = asyncio.run(digests())
    assert str(hanging) == str(given) == "reading the document ended the worker process"
    assert isinstance(queued, asyncio.CancelledError)


def test_who_does_not_wait_any_more_disturbs_nobody() -> None:
    async def digests() -> None:
        async with Workers(1) as engine:
            tasks = [asyncio.create_task(engine.run(job(GOOD))) for _ in range(4)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            tasks[3].cancel()
            first, *others, last = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(first, asyncio.CancelledError)
            assert isinstance(last, asyncio.CancelledError)
            assert all(isinstance(other, Digest) for other in others)
            assert engine.reading == 0

    asyncio.run(digests())


def test_workers_do_not_run_ahead_of_those_who_wait_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.engine.workers._DESKS", 3)

    async def poll(engine: Workers, digested: list[object], stored: asyncio.Event) -> None:
        digested.append(await engine.run(job(GOOD)))
        digested.append(await engine.run(job(GOOD)))  # one desk for both
        await stored.wait()

    async def all_of_them() -> None:
        stored, digested = asyncio.Event(), list[object]()
        async with Workers(1) as engine:
            polls = [asyncio.create_task(poll(engine, digested, stored)) for _ in range(10)]
            while len(digested) < 6:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            assert len(digested) == 6, "three polls have a desk, and keep it until what they brought is stored"
            stored.set()
            await asyncio.gather(*polls)
        assert len(digested) == 20

    asyncio.run(asyncio.wait_for(all_of_them(), 30))
