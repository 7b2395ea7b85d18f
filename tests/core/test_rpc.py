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

from app.agent.server import Handler, Peer, Server
from app.client.rpc import AgentClient
from app.faults import AgentGone, Fault, PlanChanged, Refused, Usage, from_data


async def echo(peer: Peer, params: dict[str, Any]) -> Any:
    return {"uid": peer.uid, **params}


async def refuse(peer: Peer, params: dict[str, Any]) -> Any:
    raise Refused("not tagged", next="ask the owner")


async def change(peer: Peer, params: dict[str, Any]) -> Any:
    fault = PlanChanged("it is another plan", next="read it")
    fault.targets = ("vol-1",)
    raise fault


async def stumble(peer: Peer, params: dict[str, Any]) -> Any:
    return int("with a secret in it")


async def burst(peer: Peer, params: dict[str, Any]) -> Any:
    raise RuntimeError("with a secret in it")


_METHODS: dict[str, Handler] = {
    "echo": echo,
    "refuse": refuse,
    "change": change,
    "burst": burst,
    "stumble": stumble,
}


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[tuple[Path, Server, list[Peer]]]:
    left: list[Peer] = []
    path = tmp_path / "a.sock"
    server = Server(path, _METHODS, left.append)
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
        with pytest.raises(PlanChanged) as changed:
            await client.call("change")
        assert changed.value.targets == ("vol-1",)
        with pytest.raises(Fault) as accident:
            await client.call("burst")
        assert "secret" not in accident.value.message
        with pytest.raises(Fault, match="no such method"):
            await client.call("nonsense")
        await client.close()


@pytest.mark.parametrize("targets", [None, "vol-1", ["vol-1", 7]])
def test_a_rule_that_is_not_known_is_a_refusal(targets: object) -> None:
    fault = from_data({"code": "refused", "rule": "of a later version", "message": "no", "targets": targets})
    assert type(fault) is Refused and fault.exit == 3 and fault.code == "refused"
    assert type(from_data({"code": "usage", "rule": "read_only"})) is Usage


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


async def never(peer: Peer, params: dict[str, Any]) -> Any:
    await asyncio.Event().wait()


@asynccontextmanager
async def in_flight(path: Path) -> AsyncIterator[tuple[AgentClient, list[asyncio.Task[Any]]]]:
    """A client with three calls that the agent has taken and does not answer."""
    server = Server(path, {"never": never, "echo": echo}, lambda peer: None)
    await server.open()
    client = await AgentClient.open(path)
    calls = [asyncio.create_task(client.call("never")) for _ in range(3)]
    await client.call("echo")  # answered, so the others have arrived too
    try:
        yield client, calls
    finally:
        await client.close()
        for task in list(server._tasks):
            task.cancel()
        await server.close()


async def test_closing_the_connection_ends_the_calls_under_way(tmp_path: Path) -> None:
    async with in_flight(tmp_path / "c.sock") as (client, calls):
        await client.close()
        ended, pending = await asyncio.wait(calls, timeout=10)
        assert not pending and all(isinstance(call.exception(), AgentGone) for call in ended)
        with pytest.raises(AgentGone):
            await asyncio.wait_for(client.call("echo"), 10)


async def test_a_call_that_meets_the_close_ends_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as (path, _, _):
        client = await AgentClient.open(path)
        closing = asyncio.create_task(client.close())  # before the listener had its first turn
        calls = [asyncio.create_task(client.call("echo")) for _ in range(3)]
        _, pending = await asyncio.wait([closing, *calls], timeout=10)
        assert not pending and all(isinstance(call.exception(), AgentGone) for call in calls)


async def test_a_call_that_was_given_up_is_forgotten(tmp_path: Path) -> None:
    async with in_flight(tmp_path / "d.sock") as (client, calls):
        for call in calls:
            call.cancel()
        await asyncio.wait(calls, timeout=10)
        assert client._waiting == {}
        assert await client.call("echo") == {"uid": os.getuid()}


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'"done"',
        b"not json",
        b"\xff",
        b"[" * 100_000,
        b'{"id": 1, "error": "no"}',
        b'{"id": [1], "result": 1}',
        b'{"id": null, "error": {"code": -32700, "message": "not JSON"}}',
    ],
    ids=["list", "text", "words", "bytes", "deep", "error", "id", "no id"],
)
async def test_an_agent_that_says_what_is_no_answer_is_gone(tmp_path: Path, line: bytes) -> None:
    hung_up = asyncio.Event()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(line + b"\n")
        while await reader.read(1 << 16):
            pass
        hung_up.set()
        writer.close()

    path = tmp_path / "e.sock"
    async with await asyncio.start_unix_server(babble, path=path):
        client = await AgentClient.open(path)
        with pytest.raises(AgentGone):
            await asyncio.wait_for(client.call("echo"), 10)
        with pytest.raises(AgentGone):
            await asyncio.wait_for(client.call("echo"), 10)
        await asyncio.wait_for(hung_up.wait(), 10)  # what is not understood is not kept open either
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
