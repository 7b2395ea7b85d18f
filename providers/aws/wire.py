"""The HTTP session under the SDK: no redirect is followed, and no answer is longer than it may be."""

from __future__ import annotations

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession

from providers.aws.faults import AnswerTooLong, Redirected

LONGEST_ANSWER = 64 << 20
"""Bytes. The largest answer that we ask for, a page of instances or of 10,000 block tokens, is far below."""


class GuardedSession(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is not typed
    """aiobotocore's session, which would follow redirects with the session token still in its headers."""

    async def _get_session(self, proxy_url: str | None) -> _Guarded:
        return _Guarded(await super()._get_session(proxy_url))


class _Guarded:
    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **arguments: Any) -> _Bounded:
        response = await self._session.request(method, allow_redirects=False, **arguments)
        if 300 <= response.status < 400:
            response.close()
            raise Redirected(f"status {response.status}")
        return _Bounded(response)


class _Bounded:
    """A response whose body is read up to :data:`LONGEST_ANSWER`."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._body: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    async def read(self) -> bytes:
        if self._body is None:
            parts: list[bytes] = []
            length = 0
            try:
                async for part in self._response.content.iter_any():
                    length += len(part)
                    if length > LONGEST_ANSWER:
                        raise AnswerTooLong(f"more than {LONGEST_ANSWER} bytes")
                    parts.append(part)
            except BaseException:
                self._response.close()
                raise
            self._response.release()
            self._body = b"".join(parts)
        return self._body
