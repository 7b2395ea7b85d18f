from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.agent.server import Peer, Server
from app.client.rpc import AgentClient
from app.faults import AgentGone, Fault, Refused, Usage


async def echo(peer: Peer, params: dict[str, Any]) -> Any:
    return {"uid": peer.uid, **params}


async def refuse(peer: Peer, params: dict[str, Any]) -> Any:
    raise Refused("not tagged", next="ask the owner")


async def stumble(peer: Peer, params: dict[str, Any]) -> Any:
    return int("with a secret in it")


async def burst(peer: Peer, params: dict[str, Any]) -> Any:
    raise RuntimeError("with a secret in it")


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[tuple[Path, Server, list[Peer]]]:
    left: list[Peer] = []
    path = tmp_path / "a.sock"
    server = Server(path, {"echo": echo, "refuse": refuse, "burst": burst, "stumble": stumble}, left.append)
    await server.open()
    try:
        yield path, server, left
    finally:
        await server.close()


async def test_calls_overlap_and_answers_find_their_callers(tmp_path: Path) -> None:
    async with serving(tmp_path) as (path, _, _):
        client = await AgentClient.open(path)
        told = await asyncio.gather(*(client.call("echo", {"n": n}) for n in range(20)))
        assert [answer["n"] for answer in told] == list(range(20))
        assert told[0]["uid"] == os.getuid()
        await client.close()


async def test_a_fault_arrives_whole_and_an_accident_without_its_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as (path, _, _):
        client = await AgentClient.open(path)
        with pytest.raises(Refused) as refused:
            await client.call("refuse")
        assert (refused.value.message, refused.value.next) == ("not tagged", "ask the owner")
        with pytest.raises(Fault) as accident:
            await client.call("burst")
        assert "secret" not in accident.value.message
        with pytest.raises(Fault, match="no such method"):
            await client.call("nonsense")
        await client.close()


async def test_an_error_of_a_value_is_an_accident_too_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as (path, _, _):
        client = await AgentClient.open(path)
        with pytest.raises(Fault, match="an error inside the agent \\(ValueError\\)"):
            await client.call("stumble")
        await client.close()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["in a command"]


async def test_the_socket_is_the_users_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as (path, server, left):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        client = await AgentClient.open(path)
        await client.call("echo")
        await client.close()
        async with asyncio.timeout(5):
            while not left:  # noqa: ASYNC110 - the server tells nobody but its callback
                await asyncio.sleep(0.01)
        assert server.connections == 0
    assert not path.exists()
    with pytest.raises(AgentGone):
        await AgentClient.open(path)


async def test_a_call_under_way_ends_when_the_agent_goes(tmp_path: Path) -> None:
    async def never(peer: Peer, params: dict[str, Any]) -> Any:
        await asyncio.sleep(3600)

    path = tmp_path / "b.sock"
    server = Server(path, {"never": never, "echo": echo}, lambda peer: None)
    await server.open()
    client = await AgentClient.open(path)
    call = asyncio.create_task(client.call("never"))
    await client.call("echo")  # answered, so the other one has arrived too
    await server.close()
    with pytest.raises(AgentGone):
        await asyncio.wait_for(call, 10)
    await client.close()


async def test_half_a_character_is_refused_to_whoever_sent_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as (path, _, _):
        client = await AgentClient.open(path)
        for half in ("\ud800", "note \udcff"):
            for params in ({"note": half}, {half: 1}, {"deep": [{"note": half}]}):
                with pytest.raises(Usage, match="not Unicode"):
                    await client.call("echo", params)
        assert (await client.call("echo", {"note": "whole 𝄞"}))["note"] == "whole 𝄞"
        await client.close()


async def test_garbage_is_answered_and_a_flood_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as (path, _, _):
        reader, writer = await asyncio.open_unix_connection(str(path))
        for line in (b"not json\n", b"[" * 100_000 + b"\n", b"[]\n", b'{"id":1,"method":"echo","params":[]}\n'):
            writer.write(line)
            answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
            assert "error" in answer
        writer.write(b"x" * (2 << 20))
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
