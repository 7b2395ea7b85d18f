"""Workers and their parents die; secrets stay where they belong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from app import faults
from app.transfer.limits import Limits
from app.transfer.process import WorkerProcess, proxy_settings
from app.transfer.protocol import Expired, Failed, Lease, News, Report, Run, Start, Stop, Want
from tests.transfer.conftest import MakeRig
from tests.transfer.kit import BLOCK, CONTEXT, QUICK, STEP, Rig, make_disk, until
from tests.transfer.processes import alive, read, workers_of

ROOT = Path(__file__).parents[2]


async def test_a_killed_worker_is_replaced_once(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(48, 96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
    await until(lambda: len(workers_of(os.getpid())) == 2)
    rig.server.faults.hold = set()
    await asyncio.wait_for(task, 20)
    assert rig.image.read_bytes() == rig.expected()
    assert rig.log.closes["L-0001"]["blocks"] == 92
    assert workers_of(os.getpid()) == []


async def test_a_worker_killed_twice_is_a_fault(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(96))
    task = asyncio.create_task(rig.transfer(workers=1).run())
    for _ in range(2):
        await until(lambda: len(rig.server.seen) > 0 and workers_of(os.getpid()) != [])
        [pid] = workers_of(os.getpid())
        rig.server.seen.clear()
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: pid not in workers_of(os.getpid()))  # type: ignore[misc]
    with pytest.raises(faults.Unavailable, match="ended twice"):
        await asyncio.wait_for(task, 10)
    assert rig.log.closes["L-0001"]["phase"] == "failed"


async def test_when_the_parent_is_killed_no_worker_writes_on(make_rig: MakeRig) -> None:
    rig = make_rig(make_disk(96, zero={3}, holes=set()))
    rig.server.faults.hold = set(range(60, 96))
    arguments = ["-m", "tests.transfer.alone", str(rig.home), str(rig.server.port), str(rig.bundle), "96"]

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )

    journal = rig.work / "blocks.journal"
    first = await start()
    # A header of 68 bytes, then 44 for each block: thirty blocks are down before the kill.
    await until(lambda: journal.exists() and journal.stat().st_size >= 68 + 44 * 30)
    workers = workers_of(first.pid)
    assert len(workers) == 2
    first.kill()
    await first.communicate()
    await until(lambda: not any(alive(pid) for pid in workers))
    rig.server.faults.hold = set()
    second = await start()
    out, _ = await asyncio.wait_for(second.communicate(), 20)
    fetched, rechecked = map(int, out.split())
    assert second.returncode == 0
    assert fetched <= 96 - 30 and rechecked == 0
    assert rig.image.read_bytes() == rig.expected()


async def test_secrets_are_in_no_argument_no_environment_and_no_file(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = {95}
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 80 for meter in rig.meters))
    pids = workers_of(os.getpid())
    assert len(pids) == 2
    for pid in pids:
        shown = read(pid, "cmdline") + read(pid, "environ")
        assert b"canary" not in shown and b"AKIATEST" not in shown
        assert read(pid, "environ").rstrip(b"\0") == b"LC_ALL=C.UTF-8"
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        assert b"Max core file size        0                    0" in read(pid, "limits")
        descriptors = {Path(f"/proc/{pid}/fd/{fd.name}") for fd in Path(f"/proc/{pid}/fd").iterdir()}
        files = {str(fd.readlink()) for fd in descriptors}
        assert str(rig.image) in files, "the image comes by inheritance, with its lock"
        assert not any(str(rig.work) in name for name in files)
    for path in [*rig.work.rglob("*"), *rig.bag.rglob("*")]:
        if path.is_file() and path != rig.image:
            assert b"canary" not in path.read_bytes() and b"AKIATEST" not in path.read_bytes()
    rig.server.faults.hold = set()
    await asyncio.wait_for(task, 20)


async def test_a_worker_that_does_not_answer_is_no_obstacle(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(48, 96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    frozen = workers_of(os.getpid())
    os.kill(frozen[0], signal.SIGSTOP)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    assert not any(alive(pid) for pid in frozen)
    kept = rig.log.closes["L-0001"]["blocks"]
    rig.server.faults.hold = set()
    result = await asyncio.wait_for(rig.transfer().run(), 20)
    assert result.blocks_fetched == 92 - kept
    assert rig.image.read_bytes() == rig.expected()


async def test_a_proxy_is_used_but_never_for_loopback(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:canary@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "internal.example")
    assert proxy_settings() == ("http://user:canary@127.0.0.1:1", "internal.example,localhost,127.0.0.1,::1")
    rig = make_rig()
    await asyncio.wait_for(rig.transfer().run(), 20)
    assert rig.image.read_bytes() == rig.expected()
    monkeypatch.setenv("no_proxy", "*")
    assert proxy_settings()[1] == "*"


def start_order(rig: Rig, image: int, limits: Limits = QUICK) -> Start:
    return Start(
        image_fd=image,
        size_bytes=rig.server.size,
        block_size=BLOCK,
        spec=rig.source.fetch_spec(STEP, CONTEXT),
        limits=limits,
        rate=1000.0,
        ca_file=None,
        ca_path=None,
        proxy="",
        no_proxy="",
    )


async def test_a_worker_by_itself(make_rig: MakeRig) -> None:
    """The protocol from the worker's side: it claims, reports, holds, goes on, and never says a secret."""
    rig = make_rig()
    image = os.open(rig.home / "disk.raw", os.O_RDWR | os.O_CREAT)
    worker = await WorkerProcess.start(0, image)
    heard: list[News] = []

    async def listen() -> None:
        async for news in worker.news():
            heard.append(news)

    listener = asyncio.create_task(listen())
    grant = rig.desk.current()
    assert "canary" not in repr(Lease(lease=grant.lease, secret=dict(grant.secret)))
    worker.tell(start_order(rig, image))
    worker.tell(Lease(lease=grant.lease, secret=dict(grant.secret)))
    await until(lambda: any(isinstance(news, Want) for news in heard))
    worker.tell(Run([(0, rig.server.token(0)), (3, rig.server.token(3))]))
    await until(lambda: sum(len(news.done) for news in heard if isinstance(news, Report)) == 2)
    done = {index: zero for news in heard if isinstance(news, Report) for index, _digest, zero in news.done}
    assert done == {0: False, 3: True}
    rig.server.faults.expired = {grant.secret["access_key"]}
    worker.tell(Run([(1, rig.server.token(1))]))
    await until(lambda: any(isinstance(news, Expired) for news in heard))
    await rig.desk.issue()
    worker.tell(Lease(lease=rig.desk.current().lease, secret=dict(rig.desk.current().secret)))
    await until(lambda: sum(len(news.done) for news in heard if isinstance(news, Report)) == 3)
    assert not any(isinstance(news, Failed) for news in heard)
    assert "canary" not in repr(heard) and "AKIATEST" not in repr(heard)
    worker.tell(Stop())
    await asyncio.wait_for(listener, 5)
    assert await asyncio.wait_for(worker.ended(), 5) == 0
    worker.hang_up()
    os.close(image)


async def test_a_worker_ends_when_its_stdin_does(make_rig: MakeRig) -> None:
    rig = make_rig()
    image = os.open(rig.home / "disk.raw", os.O_RDWR | os.O_CREAT)
    for ordered in (False, True):
        worker = await WorkerProcess.start(0, image)
        if ordered:
            worker.tell(start_order(rig, image))
        worker.hang_up()
        assert await asyncio.wait_for(worker.ended(), 5) == 0
    os.close(image)


async def test_a_worker_of_another_parent_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "app.transfer.worker", "1", cwd="/", stdin=asyncio.subprocess.PIPE
    )
    assert await asyncio.wait_for(process.wait(), 10) != 0
    assert process.stdin is not None
    process.stdin.close()
