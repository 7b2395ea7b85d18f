"""What leaves, where to, and what is believed of the answer."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from app.faults import CredentialNeeded, Fault, Unavailable, Untrusted, Usage
from app.ports import LeaseRequest, Scope
from providers.aws import wire
from providers.aws.clients import Clients
from providers.aws.plugin import open_provider
from providers.aws.settings import Settings
from tests.aws.conftest import BASE_SECRET, LEASE_SECRET, LEASE_TOKEN, Desk, HandClock, lease
from tests.aws.scripted import Scripted, Seen, assumed, caller, drop, ec2, ec2_error, serve, sts_error

ARN = "arn:aws:iam::111111111111:user/responder"


async def _look(desk: Desk) -> None:
    async for _ in desk.provider.inventory.resources("222222222222", "eu-west-1", lease()):
        pass


async def _no_pace(_account: str, _service: str) -> None:
    return None


def _scope() -> Scope:
    return Scope(case="c-1", examiner="ex-7", clock=HandClock(), pace=_no_pace)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoints": {"ec2": "http://ec2.example.test"}}, "plain http"),
        ({"endpoints": {"ec2": "http://127.0.0.1.example.test"}}, "plain http"),
        ({"endpoints": {"sts": "https://user:word@sts.example.test"}}, "more than a host"),
        ({"endpoints": {"s3": "https://s3.example.test"}}, "s3"),
        ({"ca_bundle": "/nowhere/ca.pem"}, "no file"),
        ({"tag": "Forensics"}, "KEY=VALUE"),
        ({"regions": ["eu-west-1/../x"]}, "not an AWS region"),
        ({"accounts": [{"id": "22"}]}, "not an AWS account id"),
        ({"verify": False}, "verify"),
    ],
)
def test_unusable_settings_are_refused(table: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(Usage, match=words):
        open_provider(table | change, _scope())


async def test_endpoints_come_from_the_settings_alone(
    desk: Desk, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "HTTPS_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "somebody-else")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT000000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    script.always = caller(ARN, "111111111111")
    found = await desk.provider.identity.caller()
    assert (found.principal, found.account, found.chained) == (ARN, "111111111111", False)
    assert [seen.key for seen in script.seen] == ["AKIABASE000000000001"]
    assert "jumpbag/" in script.seen[0].headers["user-agent"]


async def test_without_an_endpoint_it_is_aws_itself_whatever_the_environment_says(
    table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    clients = Clients(Settings.of(table | {"endpoints": {}}), _scope())
    try:
        hosts = {
            (service, region): (await clients._client(service, region)).meta.endpoint_url
            for service, region in (("sts", "eu-west-1"), ("ebs", "eu-west-1"), ("ec2", "cn-north-1"))
        }
    finally:
        await clients.close()
    assert hosts == {
        ("sts", "eu-west-1"): "https://sts.eu-west-1.amazonaws.com",
        ("ebs", "eu-west-1"): "https://ebs.eu-west-1.amazonaws.com",
        ("ec2", "cn-north-1"): "https://ec2.cn-north-1.amazonaws.com.cn",
    }
    settings = Settings.of(table | {"endpoints": {}})
    for (service, region), url in hosts.items():
        assert settings.public_endpoint(service, region) == url


async def test_a_missing_profile_is_named_and_nothing_else_answers_for_it(
    table: dict[str, Any], script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT000000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    provider = open_provider(table | {"profile": "nobody"}, _scope())
    with pytest.raises(CredentialNeeded) as caught:
        await provider.identity.caller()
    await provider.close()
    assert caught.value.exit == 4
    assert caught.value.message == f"the AWS profile nobody does not exist in {table['credentials_file']}"
    assert caught.value.next
    assert script.seen == []


async def test_a_credentials_file_that_cannot_be_read_is_named_and_may_come_back(
    desk: Desk, script: Scripted, credentials_file: Path
) -> None:
    script.always = caller(ARN, "111111111111")
    content = credentials_file.read_text("utf-8")
    credentials_file.unlink()
    for why in ("no such file or directory", "is a directory"):
        with pytest.raises(CredentialNeeded) as caught:
            await desk.provider.identity.caller()
        named = f"cannot read the credentials file {credentials_file} (profile responder): {why}"
        assert (caught.value.message, caught.value.next) == (named, "put it back or sign in again")
        if not credentials_file.exists():
            credentials_file.mkdir()
    assert script.seen == []
    credentials_file.rmdir()
    credentials_file.write_text(content, "utf-8")
    assert (await desk.provider.identity.caller()).principal == ARN


async def test_forget_reads_the_base_credentials_anew(
    desk: Desk, script: Scripted, credentials_file: Path
) -> None:
    script.always = caller(ARN, "111111111111")
    await desk.provider.identity.caller()
    await desk.provider.identity.caller()
    credentials_file.write_text(
        "[responder]\naws_access_key_id = AKIAOTHER00000000001\naws_secret_access_key = other\n", "utf-8"
    )
    desk.provider.identity.forget()
    await desk.provider.identity.caller()
    assert [seen.key for seen in script.seen] == ["AKIABASE000000000001", "AKIAOTHER00000000001"]


async def test_redirects_are_not_followed(desk: Desk, script: Scripted) -> None:
    elsewhere = Scripted(always=ec2("DescribeVolumes", "<volumeSet/>"))
    runner = await serve(elsewhere)
    script.always = web.Response(status=307, headers={"Location": f"{elsewhere.url}/"})
    try:
        with pytest.raises(Untrusted, match="redirects"):
            await _look(desk)
    finally:
        await runner.cleanup()
    assert script.seen
    assert elsewhere.seen == []


async def test_an_endless_answer_is_cut_off(desk: Desk, script: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_ANSWER", 1 << 16)
    sent = 0

    async def flood(request: web.Request, _: Seen) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "text/xml"})
        await response.prepare(request)
        for _round in range(4096):
            try:
                await response.write(b" " * 65536)
            except ConnectionError:
                break
            sent += 1
        return response

    script.always = flood
    with pytest.raises(Untrusted, match="too long"):
        await _look(desk)
    assert sent < 4096
    assert len(script.seen) == 1


async def test_calls_side_by_side_are_signed_each_with_its_own_lease(desk: Desk, script: Scripted) -> None:
    async def echo(_request: web.Request, seen: Seen) -> web.StreamResponse:
        await asyncio.sleep(0)
        assert seen.headers["x-amz-security-token"]
        return ec2("DescribeRegions", "<regionInfo/>")

    script.always = echo
    accounts = [f"{number:012d}" for number in range(1, 25)]
    desk.provider.inventory._settings.aws.regions.clear()  # type: ignore[attr-defined]
    await asyncio.gather(
        *(desk.provider.inventory.regions(found, lease(found, f"ASIA{found}")) for found in accounts)
    )
    assert sorted(seen.key for seen in script.seen) == [f"ASIA{found}" for found in accounts]


async def test_throttled_reads_are_tried_again_paced_and_not_for_ever(desk: Desk, script: Scripted) -> None:
    desk.provider.inventory._settings.aws.regions.clear()  # type: ignore[attr-defined]
    regions = ec2("DescribeRegions", "<regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo>")
    script.answers = [*[ec2_error("RequestLimitExceeded", status=503)] * 3, regions]
    assert await desk.provider.inventory.regions("222222222222", lease()) == ["eu-west-1"]
    assert len(desk.clock.slept) == 3
    assert desk.clock.slept[0] < desk.clock.slept[1] * 2 < 3.0
    assert desk.paced == [("222222222222", "ec2")] * 4
    script.seen.clear()
    script.always = ec2_error("RequestLimitExceeded", status=503)
    with pytest.raises(Fault) as caught:
        await desk.provider.inventory.regions("222222222222", lease())
    assert (caught.value.code, caught.value.provider_code) == ("throttled", "RequestLimitExceeded")
    assert caught.value.request_id == "req-err"
    assert len(script.seen) == 6


async def test_a_page_token_that_does_not_move_ends_the_listing(desk: Desk, script: Scripted) -> None:
    script.always = ec2("DescribeInstances", "<reservationSet/><nextToken>again</nextToken>")
    with pytest.raises(Untrusted, match="do not end"):
        async for _ in desk.provider.inventory.resources("222222222222", "eu-west-1", lease()):
            pass
    assert len(script.seen) == 2


async def test_no_secret_reaches_a_log_a_message_or_a_repr(
    desk: Desk, script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issued_secret, issued_token = "IssuedSecret" * 4, "IssuedToken" * 30
    script.answers = [assumed("222222222222", secret=issued_secret, token=issued_token)]
    grant = await desk.provider.identity.issue(
        LeaseRequest(
            lease="L-0001",
            account="222222222222",
            role=desk.provider.identity.role("222222222222"),
            policy='{"Version":"2012-10-17","Statement":[]}',
            seconds=3600,
        )
    )
    canonical = f"The Canonical String should have been x-amz-security-token:{LEASE_TOKEN} AKIABASE000000000001"
    texts = [repr(grant), str(grant)]
    for answer in (
        ec2_error("SignatureDoesNotMatch", canonical),
        ec2_error("UnauthorizedOperation", canonical),
        ec2_error("InvalidParameterValue", canonical),
        drop,
    ):
        script.always = answer
        with pytest.raises(Fault) as caught:
            await _look(desk)
        texts += [str(caught.value), repr(caught.value.data()), caught.value.next]
        assert caught.value.__cause__ is None
    script.always = sts_error("SignatureDoesNotMatch", canonical)
    with pytest.raises(CredentialNeeded) as refused:
        await desk.provider.identity.caller()
    texts += [str(refused.value), caplog.text]
    for text in texts:
        for secret in (
            BASE_SECRET,
            LEASE_SECRET,
            LEASE_TOKEN,
            issued_secret,
            issued_token,
            "AKIABASE000000000001",
        ):
            assert secret not in text
    with pytest.raises(TypeError):
        grant.__reduce__()


async def test_a_dead_endpoint_is_unavailable(desk: Desk, script: Scripted) -> None:
    script.always = drop
    with pytest.raises(Unavailable) as caught:
        await desk.provider.identity.caller()
    assert caught.value.retryable
    assert len(script.seen) == 3


async def test_a_certificate_of_another_authority_is_not_accepted(table: dict[str, Any], tmp_path: Path) -> None:
    import ssl

    from tests.aws.certificates import self_signed

    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    script = Scripted(always=caller(ARN, "111111111111"))
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", script.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    stranger = open_provider(table | {"endpoints": {"sts": url}}, _scope())
    known = open_provider(table | {"endpoints": {"sts": url}, "ca_bundle": str(certificate)}, _scope())
    try:
        with pytest.raises(Untrusted, match="certificate"):
            await stranger.identity.caller()
        assert script.seen == []
        assert (await known.identity.caller()).principal == ARN
    finally:
        await stranger.close()
        await known.close()
        await runner.cleanup()
