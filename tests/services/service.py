"""service.py - what every simulated service shares: an HTTP/1.1 server on loopback, counting, faults, control.

A service is a subclass of Service whose methods answer requests:

    class Clock(Service):
        @route("read", "GET", r"/clock/(?P<name>\\w+)")
        def on_read(self, request, name):
            return Response.json({"now": request.at})

    with Clock() as clock:
        urllib.request.urlopen(clock.url + "/clock/utc")
        assert clock.stats()["requests"]["read"] == 1

The first argument of route is the request's kind: what is counted, waited for, and named in faults. A group
called "name" says which object the request is about. A method may be a coroutine; its answer may be a Stream.

Everything a test may want besides is under /_control, and as methods for tests written in Python:

    GET  /_control/stats      stats()      requests by kind, connections, max_concurrent, and per object the
                                           requests by kind with their times (seconds, CLOCK_MONOTONIC)
    GET  /_control/requests   requests()   the last 10000 requests: at, kind, name, method, target, headers, body, status
    GET  /_control/wait?...   wait()       answers once count requests (of a kind, about a name) have arrived:
                                           kind=get&name=operations/1&count=3&timeout=10; 408 when they have not
    POST /_control/faults     fault()      a fault or a list of faults, for the requests that come next
    POST /_control/release    release()    let requests that are held go on
    POST /_control/reset      reset()      forget all of it, the service's objects included

A fault is an object. Which requests it is for: "kind", "name" (both optional), "skip" (let so many pass first),
"times" (default 1; null: for ever), or "seconds" (for so long since the first of them). What happens to them, in this order:
    "effect": true     the service does what it is asked, and only then things go wrong; otherwise it is asked last,
                       and only if its answer is needed
    "delay": seconds
    "hold": true       until /_control/release
    "reset": true      a TCP reset instead of an answer
    "close": true      an orderly close instead of an answer
    "status": 503, "headers": {...}, "body": text or JSON     another answer (status alone: no body; body alone: 200)
    "content_length": n    the answer with a wrong length; the connection is closed after it
    "half": n              the answer's head and the first n bytes of its body, then a close
    "stall": n             the answer's head and the first n bytes of its body, the rest when it is released
    "drip": seconds        the answer byte by byte, with this much time between them
"""
import argparse
import asyncio
import collections
import contextlib
import inspect
import json
import re
import signal
import sys
import threading

from exchange import HEAD_MAX, BadRequest, Connection, Fault, Response, from_object

LOG_MAX = 10000


def route(kind, method, path):
    """Mark a method of a Service as what answers these requests. path is a regular expression for all of the path;
    routes are tried in the order in which they are defined, a subclass's before its base's."""
    def mark(function):
        function.route = (kind, method, re.compile(path))
        return function
    return mark


class Service:
    """The server. Its state belongs to the event loop; other threads use the methods at the end."""

    def __init__(self, port=0, token=None):
        self.port = port
        self.token = token         # required as "Authorization: Bearer TOKEN"; None: open to all
        self.thread = None
        self.loop = None
        self.forget()

    def forget(self):
        self.counts = collections.Counter()
        self.times = {}            # name -> kind -> [when]
        self.log = collections.deque(maxlen=LOG_MAX)
        self.faults = []
        self.concurrent = 0
        self.max_concurrent = 0
        self.connections = 0
        self.clear()

    def clear(self):
        """For subclasses: forget the objects, too."""

    def unauthorized(self, request):
        """For subclasses: the answer to a request without the right token."""
        return Response(401)

    def not_found(self, request):
        """For subclasses: the answer to a request that no route is for."""
        return Response(404)

    def name_of(self, request):
        """For subclasses: the name of the object that a request is about, when its path does not have it."""
        return None

    def bad_request(self, request, text):
        """For subclasses: the answer to a request that cannot be understood."""
        return Response.text(text, 400)

    # What a connection asks of its service.

    def routes(self):
        for cls in type(self).__mro__:
            for function in vars(cls).values():
                if hasattr(function, "route"):
                    yield function

    def find(self, request):
        """The handler of a request and its arguments; sets the request's kind and name."""
        for function in self.routes():
            kind, method, path = function.route
            match = path.fullmatch(request.path) if method == request.method else None
            if match:
                request.kind = kind
                request.name = match.groupdict().get("name") or self.name_of(request)
                return function, match.groupdict()
        request.kind = "unknown"
        return None, {}

    async def run(self, handler, request, groups):
        if request.kind != "control" and not self.authorized(request):
            return self.unauthorized(request)
        if not handler:
            return self.not_found(request)
        try:
            response = handler(self, request, **groups)
            return await response if inspect.isawaitable(response) else response
        except BadRequest as error:
            return self.bad_request(request, str(error))

    def authorized(self, request):
        return self.token is None or request.headers.get("authorization") == f"Bearer {self.token}"

    @contextlib.contextmanager
    def counting(self, request):
        """While the request is being answered."""
        self.counts[request.kind] += 1
        self.log.append(request)
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        self.record(request)
        try:
            yield
        finally:
            self.concurrent -= 1
            self.notify()

    def record(self, request):
        """Note when a request about an object came. A handler that gives the object its name sets it and calls this."""
        if request.name is not None:
            self.times.setdefault(request.name, {}).setdefault(request.kind, []).append(request.at)
        self.notify()

    def take_fault(self, request):
        for fault in list(self.faults):
            taken = fault.takes(request)
            if fault.spent:
                self.faults.remove(fault)
            if taken:
                return fault
        return None

    def add_faults(self, faults, **fixed):
        if not isinstance(faults, list):
            faults = [faults]
        self.faults += [from_object(Fault, {**fault, **fixed}) for fault in faults]

    async def changed(self):
        """Until the counts have changed."""
        event = asyncio.Event()
        self.watchers.append(event)
        await event.wait()

    def notify(self):
        watchers, self.watchers = self.watchers, []
        for event in watchers:
            event.set()

    def count(self, kind, name):
        if name is None:
            return self.counts[kind] if kind else sum(self.counts.values())
        times = self.times.get(name, {})
        return len(times.get(kind, [])) if kind else sum(map(len, times.values()))

    async def until(self, condition, timeout=10):
        """True once condition() holds; it is looked at when requests arrive and when they have been answered."""
        async def holds():
            while not condition():
                await self.changed()
        try:
            await asyncio.wait_for(holds(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    def snapshot(self):
        return {"requests": {"total": sum(self.counts.values()), **self.counts}, "connections": self.connections,
                "concurrent": self.concurrent, "max_concurrent": self.max_concurrent,
                "faults_left": len(self.faults), "objects": self.times}

    # The control interface.

    @route("control", "GET", "/_control/stats")
    def on_stats(self, request):
        return Response.json(self.snapshot())

    @route("control", "GET", "/_control/requests")
    def on_requests(self, request):
        return Response.json([entry.log_entry() for entry in self.log])

    @route("control", "GET", "/_control/wait")
    async def on_wait(self, request):
        query = request.query
        try:
            count, timeout = int(query.get("count", 1)), float(query.get("timeout", 10))
        except ValueError:
            raise BadRequest("count and timeout are numbers") from None
        enough = await self.until(lambda: self.count(query.get("kind"), query.get("name")) >= count, timeout)
        return Response.json(self.snapshot(), 200 if enough else 408)

    @route("control", "POST", "/_control/faults")
    def on_faults(self, request):
        self.add_faults(request.json())
        return Response.json({})

    @route("control", "POST", "/_control/release")
    def on_release(self, request):
        self.released.set()
        self.released = asyncio.Event()
        return Response.json({})

    @route("control", "POST", "/_control/reset")
    def on_reset(self, request):
        self.forget()
        return Response.json({})

    # Starting and stopping.

    async def accept(self, reader, writer):
        await Connection(self, reader, writer).serve()

    async def open(self):
        self.loop = asyncio.get_running_loop()
        self.watchers = []
        self.released = asyncio.Event()
        server = await asyncio.start_server(self.accept, "127.0.0.1", self.port, limit=HEAD_MAX, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Serve from a thread of its own."""
        ready = threading.Event()

        async def serve():
            self.stopping = asyncio.Event()
            async with await self.open():
                ready.set()
                await self.stopping.wait()

        self.thread = threading.Thread(target=lambda: asyncio.run(serve()), name=type(self).__name__, daemon=True)
        self.thread.start()
        if not ready.wait(10):
            raise RuntimeError("the service did not start")
        return self

    def stop(self):
        if self.thread:
            self.loop.call_soon_threadsafe(self.stopping.set)
            self.thread.join(10)
            self.thread = None

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    # For tests written in Python; safe from every thread.

    def call(self, function, *args, **kwargs):
        """Call a function, or await a coroutine function, in the service's own thread."""
        async def inside():
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result
        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result()

    def stats(self):
        return self.call(lambda: json.loads(json.dumps(self.snapshot())))

    def requests(self):
        return self.call(lambda: [entry.log_entry() for entry in self.log])

    def fault(self, *faults):
        self.call(self.add_faults, list(faults))

    def wait(self, count=1, kind=None, name=None, timeout=10):
        return self.call(self.until, lambda: self.count(kind, name) >= count, timeout)

    def release(self):
        self.call(self.on_release, None)

    def reset(self):
        self.call(self.forget)


def main(cls):
    """Run a service until SIGTERM, SIGINT, or the end of standard input if that was asked for."""
    parser = argparse.ArgumentParser(description=cls.__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--port-file", metavar="FILE", help="write the port into FILE, too")
    parser.add_argument("--token", help='answer 401 to requests without "Authorization: Bearer TOKEN"')
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    args = parser.parse_args()

    async def serve():
        service = cls(args.port, args.token)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        if args.until_eof:
            loop.add_reader(sys.stdin, lambda: sys.stdin.buffer.read1(4096) or stopping.set())
        async with await service.open():
            if args.port_file:
                with open(args.port_file, "w", encoding="ascii") as file:
                    file.write(f"{service.port}\n")
            print(f"listening 127.0.0.1:{service.port}", flush=True)
            await stopping.wait()

    asyncio.run(serve())
