"""exchange.py - one request, one response, what may go wrong between them, and the connection that carries them."""
import asyncio
import dataclasses
import json
import socket
import struct
import time
import urllib.parse

HEAD_MAX = 64 * 1024
BODY_MAX = 64 * 1024 * 1024

REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
           402: "Payment Required", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 409: "Conflict",
           410: "Gone", 413: "Content Too Large", 422: "Unprocessable Content", 429: "Too Many Requests",
           500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class BadRequest(Exception):
    """The text becomes a 400; tests that misuse a simulator are to notice."""


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: dict                  # names in lower case
    body: bytes
    at: float                      # CLOCK_MONOTONIC
    kind: str = None
    name: str = None
    status: int = None             # what was answered; None: nothing, or not yet

    @property
    def path(self):
        return urllib.parse.unquote(self.target.partition("?")[0])

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def json(self):
        """The body as JSON; an empty one is an empty object."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None

    @property
    def form(self):
        """The body as the members of a form."""
        return dict(urllib.parse.parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def simulate(self):
        """How the object that a submit creates is to behave: the header X-Simulate, else "simulate" in the body, if that
        is a JSON object or a list of them."""
        try:
            if "x-simulate" in self.headers:
                return json.loads(self.headers["x-simulate"])
            body = json.loads(self.body)
        except ValueError:
            return {}
        if isinstance(body, list) and body:
            body = body[0]
        return body.get("simulate", {}) if isinstance(body, dict) else {}

    def log_entry(self):
        return {"at": self.at, "kind": self.kind, "name": self.name, "method": self.method, "target": self.target,
                "headers": self.headers, "body": self.body.decode("utf-8", "replace"), "status": self.status}


@dataclasses.dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def json(cls, value, status=200, headers=None):
        """value as JSON; bytes are taken for JSON text already."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return cls(status, body, {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def text(cls, text, status=200):
        return cls(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})

    def head_and_body(self, request):
        return self.head() + (b"" if request.method == "HEAD" else self.body)

    def framing(self, length):
        """The header that says where the body ends."""
        return [] if self.status == 204 else [f"Content-Length: {len(self.body) if length is None else length}"]

    def head(self, length=None):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines + self.framing(length)) + "\r\n\r\n").encode("latin-1")


@dataclasses.dataclass
class Stream(Response):
    """An answer whose body comes piece by piece, until its iterator ends or the peer is gone."""
    pieces: object = None          # asynchronous iterator of bytes; None among them cuts the connection

    @classmethod
    def events(cls, pieces):
        """Server-sent events."""
        return cls(200, b"", {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}, pieces)

    def framing(self, length):
        return ["Transfer-Encoding: chunked"]


@dataclasses.dataclass
class Fault:
    kind: str = None
    name: str = None
    skip: int = 0
    times: int = 1
    seconds: float = None
    effect: bool = False
    delay: float = 0
    hold: bool = False
    reset: bool = False
    close: bool = False
    status: int = None
    headers: dict = None
    body: object = None
    content_length: int = None
    half: int = None
    stall: int = None
    drip: float = None

    def __post_init__(self):
        self.ends = None           # with seconds: when
        if self.seconds is not None:
            self.times = None

    def takes(self, request):
        """Whether this fault is for the request; counts it off."""
        if self.kind not in (None, request.kind) or self.name not in (None, request.name):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.seconds is not None:
            if self.ends is None:
                self.ends = request.at + self.seconds
            if request.at >= self.ends:
                self.times = 0
                return False
        if self.times is not None:
            self.times -= 1
        return True

    @property
    def spent(self):
        return self.times is not None and self.times <= 0

    def response(self):
        body = self.body if isinstance(self.body, str) else "" if self.body is None else json.dumps(self.body)
        return Response(self.status or 200, body.encode(), {"Content-Type": "application/json", **(self.headers or {})})


def from_object(cls, value):
    """A dataclass from a JSON object; an unknown key is an error."""
    if not isinstance(value, dict):
        raise BadRequest(f"{cls.__name__.lower()}: not an object")
    for key in value:
        if key not in {field.name for field in dataclasses.fields(cls)}:
            raise BadRequest(f"{cls.__name__.lower()}: unknown key {key}")
    return cls(**value)


class Connection:
    """One client: reads requests, writes answers, goes wrong on demand."""

    def __init__(self, service, reader, writer):
        self.service = service
        self.reader = reader
        self.writer = writer
        self.counted = False       # among the service's connections: once it has carried more than control requests

    async def serve(self):
        try:
            while request := await self.read():
                if not await self.answer(request):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self.writer.close()

    async def read(self):
        """The next request; None at the end of the stream or of our patience."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        words = first.split(" ")
        if len(words) != 3:
            return None
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX:
            return None
        body = await self.reader.readexactly(int(length))
        return Request(words[0], words[1], headers, body, time.monotonic())

    async def answer(self, request):
        """True: the connection goes on."""
        service = self.service
        handler, groups = service.find(request)
        if request.kind == "control":
            await self.write((await service.run(handler, request, groups)).head_and_body(request))
            return True
        if not self.counted:
            self.counted = True
            service.connections += 1
        with service.counting(request):
            fault = service.take_fault(request)
            if fault:
                return await self.fail(fault, request, lambda: service.run(handler, request, groups))
            response = await service.run(handler, request, groups)
            request.status = response.status
            return await self.send(response, request) and request.headers.get("connection", "").lower() != "close"

    async def fail(self, fault, request, ask_service):
        response = await ask_service() if fault.effect else None
        await asyncio.sleep(fault.delay)
        if fault.hold and not await self.hold():
            return False
        if fault.reset:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        if fault.reset or fault.close:
            return False
        if fault.status is not None or fault.body is not None:
            response = fault.response()
        elif response is None:
            response = await ask_service()
        request.status = response.status
        if fault.content_length is not None:
            await self.write(response.head(fault.content_length) + response.body)
            return False
        if fault.half is not None:
            await self.write(response.head() + response.body[:fault.half])
            return False
        if fault.stall is not None:
            await self.write(response.head() + response.body[:fault.stall])
            if not await self.hold():
                return False
            await self.write(response.body[fault.stall:])
            return True
        if fault.drip is None:
            return await self.send(response, request)
        data = response.head_and_body(request)
        for i in range(len(data)):
            await self.write(data[i:i + 1])
            await asyncio.sleep(fault.drip)
        return True

    async def hold(self):
        """Until released. False: the peer did not wait so long."""
        return await self.unless_gone(self.service.released.wait()) is not None

    async def send(self, response, request):
        """Send an answer that is as it should be. True: the connection goes on."""
        if isinstance(response, Stream):
            return bool(await self.unless_gone(self.send_pieces(response)))
        await self.write(response.head_and_body(request))
        return True

    async def send_pieces(self, stream):
        await self.write(stream.head())
        async for piece in stream.pieces:
            if piece is None:
                return False
            await self.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await self.write(b"0\r\n\r\n")
        return True

    async def unless_gone(self, awaitable):
        """What it returns, or None when the peer is gone before."""
        work = asyncio.ensure_future(awaitable)
        gone = asyncio.ensure_future(self.reader.read(1))
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        in_time = work.done()
        for waiting in (work, gone):
            waiting.cancel()
        # the reader is free again only when they have ended
        await asyncio.gather(work, gone, return_exceptions=True)
        return work.result() if in_time else None

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()
