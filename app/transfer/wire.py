"""Many HTTPS requests at once through libcurl: one connection pool, certificates always checked, no redirect.

Verification cannot be switched off here: there is no parameter for it.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pycurl

from app.transfer.answers import Refusal
from app.transfer.protocol import Start

_HEADERS_CAP = 128
# libcurl's numbers (curl/curl.h) that another try cannot mend, and what they mean
_FINAL = {
    pycurl.E_UNSUPPORTED_PROTOCOL: ("denied", "only https is spoken here"),
    pycurl.E_URL_MALFORMAT: ("denied", "the address of the block is malformed"),
    pycurl.E_SSL_CACERT: ("untrusted", "the server's certificate is not trusted"),
    pycurl.E_SSL_CACERT_BADFILE: ("denied", "the CA bundle cannot be read"),
}
_PASSING = {
    pycurl.E_COULDNT_RESOLVE_PROXY: "the proxy's name could not be resolved",
    pycurl.E_COULDNT_RESOLVE_HOST: "the server's name could not be resolved",
    pycurl.E_COULDNT_CONNECT: "the connection could not be made",
    pycurl.E_OPERATION_TIMEDOUT: "the answer took too long",
    pycurl.E_GOT_NOTHING: "the server closed the connection without an answer",
    pycurl.E_RECV_ERROR: "the connection broke while the block came",
    pycurl.E_SEND_ERROR: "the connection broke while the block was asked for",
    pycurl.E_PARTIAL_FILE: "the connection closed before the block was whole",
    pycurl.E_SSL_CONNECT_ERROR: "the TLS handshake failed",
}


class Exchange:
    """One reusable request: a libcurl easy handle with a buffer of one block."""

    def __init__(self, start: Start) -> None:
        self._spec = start.spec
        self._buffer = bytearray(start.block_size)
        self._used = 0
        self._overflow = False
        self._headers: dict[str, str] = {}
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.SSL_VERIFYPEER, 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 2)
        curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        curl.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.TCP_NODELAY, 1)
        curl.setopt(pycurl.BUFFERSIZE, 512 * 1024)
        curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        curl.setopt(pycurl.USERAGENT, "jumpbag")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(start.limits.connect_s * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(start.limits.attempt_s * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1024)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, int(start.limits.idle_s)))
        curl.setopt(pycurl.PROXY, start.proxy)  # "" also keeps libcurl from looking into the environment
        curl.setopt(pycurl.NOPROXY, start.no_proxy)
        if start.spec.ca_bundle or start.ca_file:
            curl.setopt(pycurl.CAINFO, start.spec.ca_bundle or start.ca_file)
        if start.ca_path and not start.spec.ca_bundle:
            curl.setopt(pycurl.CAPATH, start.ca_path)
        if start.spec.sigv4:
            curl.setopt(pycurl.AWS_SIGV4, start.spec.sigv4)
        curl.setopt(pycurl.WRITEFUNCTION, self._take)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)

    def prepare(self, index: int, token: str, secret: Mapping[str, str]) -> None:
        """Aim at a block and sign with that credential."""
        self._used = 0
        self._overflow = False
        self._headers = {}
        url = self._spec.url.replace("{index}", str(index)).replace("{token}", quote(token, safe=""))
        self.curl.setopt(pycurl.URL, url)
        headers = list(self._spec.headers)
        if self._spec.sigv4:
            self.curl.setopt(pycurl.USERNAME, secret["access_key"])
            self.curl.setopt(pycurl.PASSWORD, secret["secret_key"])
            if secret.get("session_token"):
                headers.append(f"x-amz-security-token: {secret['session_token']}")
        self.curl.setopt(pycurl.HTTPHEADER, headers)

    def _take(self, data: bytes) -> int:
        end = self._used + len(data)
        if end > len(self._buffer):
            self._overflow = True
            return 0  # anything but the length makes libcurl end the transfer
        self._buffer[self._used : end] = data
        self._used = end
        return len(data)

    def _header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):  # a proxy's or an interim answer came before this one
            self._headers = {}
            return
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and len(self._headers) < _HEADERS_CAP:
            self._headers[name.strip().lower()] = value.strip()

    @property
    def status(self) -> int:
        return int(self.curl.getinfo(pycurl.RESPONSE_CODE))

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the final answer, names in lower case."""
        return self._headers

    @property
    def body(self) -> memoryview:
        """What came; valid until the next :meth:`prepare`."""
        return memoryview(self._buffer)[: self._used]

    def broken(self, errno: int) -> Refusal:
        """What libcurl's error number means for this block."""
        if self._overflow:
            return Refusal("mismatch", f"more than {len(self._buffer)} bytes came")
        if errno in _FINAL:
            kind, text = _FINAL[errno]
            return Refusal(kind, text)
        return Refusal("unavailable", _PASSING.get(errno, f"the transfer broke off (libcurl error {errno})"))


class Wire:
    """libcurl's multi interface on one selector, together with the worker's stdin."""

    def __init__(self, start: Start, stdin: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(stdin, selectors.EVENT_READ)
        self._stdin = stdin
        self._timer: float | None = None
        self._exchanges: dict[Any, Exchange] = {}
        self._idle = [Exchange(start) for _ in range(start.limits.concurrency)]
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._multi.setopt(pycurl.M_MAXCONNECTS, start.limits.concurrency)
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, start.limits.concurrency)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def idle(self) -> Exchange | None:
        """A free exchange, if any is left."""
        return self._idle.pop() if self._idle else None

    def send(self, exchange: Exchange) -> None:
        self._exchanges[exchange.curl] = exchange
        self._multi.add_handle(exchange.curl)

    def release(self, exchange: Exchange) -> None:
        """Take back an exchange whose answer has been dealt with."""
        self._idle.append(exchange)

    def turn(self, timeout: float) -> tuple[bool, list[tuple[Exchange, int]]]:
        """Wait at most ``timeout`` seconds; returns whether stdin has something, and what ended how.

        The number is libcurl's error, 0 if an answer came.
        """
        if self._timer is not None:
            timeout = min(timeout, max(0.0, self._timer - time.monotonic()))
        orders = False
        for key, events in self._selector.select(timeout):
            if key.fd == self._stdin:
                orders = True
                continue
            mask = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
            mask |= pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
            self._multi.socket_action(key.fd, mask)
        if self._timer is not None and time.monotonic() >= self._timer:
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return orders, self._ended()

    def _ended(self) -> list[tuple[Exchange, int]]:
        ended: list[tuple[Exchange, int]] = []
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            ended += [(self._taken(curl), 0) for curl in good]
            ended += [(self._taken(curl), errno) for curl, errno, _text in bad]
        return ended

    def _taken(self, curl: Any) -> Exchange:
        self._multi.remove_handle(curl)
        return self._exchanges.pop(curl)

    def _watch(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if fd in self._selector.get_map():
                self._selector.unregister(fd)
            return
        events = selectors.EVENT_READ if what in (pycurl.POLL_IN, pycurl.POLL_INOUT) else 0
        events |= selectors.EVENT_WRITE if what in (pycurl.POLL_OUT, pycurl.POLL_INOUT) else 0
        if not events:
            return
        if fd in self._selector.get_map():
            self._selector.modify(fd, events)
        else:
            self._selector.register(fd, events)

    def _set_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000
