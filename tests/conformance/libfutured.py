"""libfutured.py - the C library under its own names, by ctypes, from the build tree: what client/futured.h says, and nothing of our own.

    with Connection(path) as c:
        future = c.create(spec={...})
        print(future.id, future.result())

Names lose their prefix (futured_future_wait() is Future.wait()), timeouts are seconds or None, documents are Python values, and
negative numbers are exceptions: Error, of it Failed and Cancelled for futures that ended so, and TimeoutError for a wait.
"""
import ctypes
import errno
import itertools
import json
import os
import subprocess
import sys
import time

_BUILD = os.path.abspath(os.environ.get("FUTURED_BUILDDIR", "."))

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = range(5)
ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION = range(3)
NO_RECONNECT = 1
NO_RESULT, LOOK_ONCE = 1, 2
STATES = ("pending", "running", "succeeded", "failed", "cancelled")
EVENTS = ("ready", "created", "changed", "progress", "forgotten", "gap", "end")
DEFAULT = object()                 # of a creation's times: what the spec or the daemon says
_NONE, _DEFAULT = 2 ** 64 - 1, 2 ** 64 - 2


def _sanitized():
    """A library with AddressSanitizer is only for a process that began with it: begin anew."""
    if os.environ.get("FUTURED_SANITIZED") != "yes" or "FUTURED_ASAN_OPTIONS" in os.environ:
        return
    command = [*os.environ.get("CC", "gcc").split(), "-print-file-name=libasan.so"]
    runtime = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    options = os.environ.get("ASAN_OPTIONS", "")
    # the interpreter's own leaks are not ours to find; programs that the test starts look for theirs as ever
    os.environ.update(FUTURED_ASAN_OPTIONS=options, LD_PRELOAD=runtime, ASAN_OPTIONS=f"{options}:detect_leaks=0")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _forget_sanitizer():
    """What the programs that the test starts shall not inherit."""
    if "FUTURED_ASAN_OPTIONS" in os.environ:
        os.environ.pop("LD_PRELOAD", None)
        options = os.environ["FUTURED_ASAN_OPTIONS"]
        os.environ.pop("ASAN_OPTIONS", None)
        if options:
            os.environ["ASAN_OPTIONS"] = options


_sanitized()
_forget_sanitizer()
_lib = ctypes.CDLL(os.path.join(_BUILD, ".libs", "libfutured.so"))

_P, _S, _U, _U64, _SIZE, _INT = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint64, ctypes.c_size_t,
                                 ctypes.c_int)
_PP, _SS, _PSIZE, _PU64 = map(ctypes.POINTER, (_P, _S, _SIZE, _U64))
_CB = ctypes.CFUNCTYPE(None, _P, _P)
_EVENT_CB = ctypes.CFUNCTYPE(None, _P, _P, _P)


class _Struct(ctypes.Structure):
    def __init__(self, **values):
        super().__init__(size=ctypes.sizeof(type(self)), **values)


class _Options(_Struct):
    _fields_ = [("size", _SIZE), ("flags", _U), ("client", _S), ("result_max", _SIZE)]


class _CreateOptions(_Struct):
    _fields_ = [("size", _SIZE), ("profile", _S), ("params", _SS), ("params_json", _S), ("spec_json", _S),
                ("polling_json", _S), ("retry_json", _S), ("key", _S), ("labels", _SS), ("mode", _U), ("ttl_usec", _U64),
                ("timeout_usec", _U64), ("flags", _U)]


class _SubscribeOptions(_Struct):
    _fields_ = [("size", _SIZE), ("ids", _SS), ("labels", _SS), ("since", _U64)]


class _Error(ctypes.Structure):
    _fields_ = [("code", _INT), ("name", _S), ("message", _S), ("kind", _S), ("remote_code", _S), ("http_status", _U),
                ("attempts", _U64), ("details", _P), ("details_len", _SIZE)]


_PERROR = ctypes.POINTER(_Error)


class _Event(ctypes.Structure):
    _fields_ = [("type", _INT), ("state", _INT), ("seq", _U64), ("at_ms", _U64), ("id", _S), ("progress", _S),
                ("error", _PERROR)]


# name: what it returns, then what it takes
_FUNCTIONS = {
    "open": (_INT, _S, _P, _PP), "unref": (_P, _P), "close": (None, _P), "socket_path": (_S, _P), "version": (_S,),
    "get_fd": (_INT, _P), "get_events": (_INT, _P), "get_timeout": (_INT, _P, _PU64), "process": (_INT, _P),
    "wait_io": (_INT, _P, _U64),
    "create": (_INT, _P, _P, _CB, _P, _PP), "attach": (_INT, _P, _S, _U, _CB, _P, _PP), "future_unref": (_P, _P),
    "future_on_done": (_INT, _P, _CB, _P), "future_id": (_S, _P), "future_is_new": (_INT, _P), "future_is_done": (_INT, _P),
    "future_state": (_INT, _P), "future_result": (_INT, _P, _PP, _PSIZE), "future_content_type": (_S, _P),
    "future_result_size": (_U64, _P), "future_error": (_PERROR, _P), "future_wait_created": (_INT, _P, _U64),
    "future_wait": (_INT, _P, _U64), "wait": (_INT, _P, _PP, _SIZE, _INT, _U64), "next_done": (_INT, _P, _PP),
    "future_cancel": (_INT, _P, _CB, _P, _PP), "future_refresh": (_INT, _P, _CB, _P, _PP),
    "future_extend": (_INT, _P, _U64, _CB, _P, _PP), "future_forget": (_INT, _P, _CB, _P, _PP),
    "future_retry": (_INT, _P, _U, _CB, _P, _PP),
    "call": (_INT, _P, _S, _S, _CB, _P, _PP), "reply_unref": (_P, _P), "reply_status": (_INT, _P), "reply_json": (_S, _P),
    "reply_error": (_PERROR, _P), "error_grpc_code": (_INT, _PERROR), "reply_wait": (_INT, _P, _U64),
    "subscribe": (_INT, _P, _P, _EVENT_CB, _P, _PP), "subscription_unref": (_P, _P),
}
for _name, (_returned, *_taken) in _FUNCTIONS.items():
    _function = getattr(_lib, "futured_" + _name)
    _function.restype, _function.argtypes = _returned, _taken


class Error(Exception):
    """What struct futured_error says; code is a negative errno."""

    def __init__(self, code, error=None):
        self.code = code
        self.name = self.kind = self.remote_code = self.details = None
        self.message = os.strerror(-code)
        self.http_status = self.attempts = 0
        self.grpc_code = _lib.futured_error_grpc_code(error or None)
        if error:
            error = error.contents
            self.name, self.kind, self.remote_code = map(_text, (error.name, error.kind, error.remote_code))
            self.message = _text(error.message)
            self.http_status, self.attempts = error.http_status, error.attempts
            if error.details:
                self.details = ctypes.string_at(error.details, error.details_len)
        super().__init__(f"{self.name or errno.errorcode.get(-code, code)}: {self.message}")


class Failed(Error):
    """The future itself failed."""


class Cancelled(Error):
    """The future was cancelled."""


_ERRORS = {-errno.EREMOTEIO: Failed, -errno.ECANCELED: Cancelled}


def _check(r, error=None):
    """r, unless it says that something went wrong."""
    if r < 0:
        raise _ERRORS.get(r, Error)(r, error)
    return r


def _text(value):
    return None if value is None else value.decode()


def _bytes(value):
    return None if value is None else value.encode()


def _json(value):
    return None if value is None else json.dumps(value).encode()


def _usec(seconds):
    """A timeout, or a time of a creation."""
    if seconds is DEFAULT:
        return _DEFAULT
    return _NONE if seconds is None else round(seconds * 1000000)


def _strings(values):
    """A list of texts with NULL at its end; None for none."""
    return None if values is None else (_S * (len(values) + 1))(*(str(value).encode() for value in values), None)


def _pairs(values):
    return None if values is None else _strings(list(itertools.chain.from_iterable(values.items())))


# Callbacks: one trampoline of each type for the life of the process, as one may be running when its handle is released.
# What it is to call is found by the number that is its userdata.
_calls = {}
_numbers = itertools.count(1)


def _remember(function):
    number = next(_numbers)
    _calls[number] = function
    return number


@_CB
def _on_done(_, number):
    _calls.pop(number)()


@_EVENT_CB
def _on_event(_, event, number):
    _calls[number](Event(ctypes.cast(event, ctypes.POINTER(_Event)).contents))


_NO_CB = _CB()


class _Handle:
    """An object of the library; released by close(), the end of a with, or with the Python object."""

    release = None

    def __init__(self, connection):
        self.connection = connection
        self.handle = None
        self.numbers = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def __del__(self):
        self.close()

    def close(self):
        for number in self.numbers:
            _calls.pop(number, None)
        if self.handle:
            handle, self.handle = self.handle, None
            getattr(_lib, self.release)(handle)

    def _callback(self, function):
        """The library's two arguments for function(self), which may be None."""
        if function is None:
            return _NO_CB, None
        number = _remember(lambda: function(self))
        self.numbers.append(number)
        return _on_done, number

    def _made(self, function, *arguments):
        """Have the library make it."""
        handle = _P()
        _check(function(*arguments, ctypes.byref(handle)))
        self.handle = handle.value
        return self


class Event:
    """struct futured_event, copied."""

    def __init__(self, event):
        self.type = EVENTS[event.type] if event.type < len(EVENTS) else event.type
        self.state = STATES[event.state]
        self.seq, self.at_ms = event.seq, event.at_ms
        self.id = _text(event.id)
        self.progress = None if event.progress is None else json.loads(event.progress)
        self.error = Error(event.error.contents.code, event.error) if event.error else None


class Subscription(_Handle):
    release = "futured_subscription_unref"


class Reply(_Handle):
    """The answer to one call, awaited or there."""

    release = "futured_reply_unref"

    def status(self):
        return _lib.futured_reply_status(self.handle)

    def wait(self, timeout=None):
        """False: not answered within the timeout."""
        return bool(_check(_lib.futured_reply_wait(self.handle, _usec(timeout))))

    def value(self, timeout=None):
        """The answer, which is waited for."""
        if not self.wait(timeout):
            raise TimeoutError
        _check(self.status(), _lib.futured_reply_error(self.handle))
        return json.loads(_lib.futured_reply_json(self.handle))


class Future(_Handle):
    release = "futured_future_unref"

    id = property(lambda self: _text(_lib.futured_future_id(self.handle)))
    state = property(lambda self: STATES[_lib.futured_future_state(self.handle)])
    content_type = property(lambda self: _text(_lib.futured_future_content_type(self.handle)))
    result_size = property(lambda self: _lib.futured_future_result_size(self.handle))

    def is_new(self):
        return _lib.futured_future_is_new(self.handle)

    def done(self):
        return bool(_lib.futured_future_is_done(self.handle))

    def on_done(self, function):
        """Have function(self) called."""
        _check(_lib.futured_future_on_done(self.handle, *self._callback(function)))

    def created(self, timeout=None):
        """Wait until the daemon has acknowledged the creation; itself."""
        if not _check(_lib.futured_future_wait_created(self.handle, _usec(timeout)), self._error()):
            raise TimeoutError
        return self

    def wait(self, timeout=None):
        """False: not done within the timeout."""
        return bool(_check(_lib.futured_future_wait(self.handle, _usec(timeout))))

    def look(self):
        """(status, bytes): futured_future_result() as it is, without waiting."""
        data, length = _P(), _SIZE()
        r = _lib.futured_future_result(self.handle, ctypes.byref(data), ctypes.byref(length))
        return r, ctypes.string_at(data, length.value) if r == 0 else None

    def result(self, timeout=None):
        """Wait, then its bytes, or how it ended."""
        if not self.wait(timeout):
            raise TimeoutError
        status, data = self.look()
        _check(status, self._error())
        return data

    def json(self, timeout=None):
        return json.loads(self.result(timeout))

    def exception(self, timeout=None):
        """Wait, then the Error it ended with, or None."""
        try:
            self.result(timeout)
        except Error as error:
            return error
        return None

    def _error(self):
        return _lib.futured_future_error(self.handle)

    def _ask(self, name, *arguments):
        reply = Reply(self.connection)
        return reply._made(getattr(_lib, "futured_future_" + name), self.handle, *arguments, _NO_CB, None)

    def cancel(self):
        return self._ask("cancel").value()

    def refresh(self):
        return self._ask("refresh").value()

    def extend(self, timeout):
        return self._ask("extend", _usec(timeout)).value()

    def forget(self):
        return self._ask("forget").value()

    def retry(self, flags=0, callback=None):
        future = Future(self.connection)
        return future._made(_lib.futured_future_retry, self.handle, flags, *future._callback(callback))


class Connection(_Handle):
    release = "futured_unref"

    def __init__(self, path, flags=0, client=None, result_max=0):
        super().__init__(None)
        options = _Options(flags=flags, client=_bytes(client), result_max=result_max)
        self._made(_lib.futured_open, _bytes(path), ctypes.byref(options))

    def shut(self):
        """futured_close(): what is under way completes with -ECONNABORTED."""
        _lib.futured_close(self.handle)

    # The event loop.

    def fileno(self):
        """The fd to poll, or a negative errno."""
        return _lib.futured_get_fd(self.handle)

    def events(self):
        return _check(_lib.futured_get_events(self.handle))

    def timeout(self):
        """Seconds from now until process() has to be called anyhow; None: never."""
        deadline = _U64()
        _check(_lib.futured_get_timeout(self.handle, ctypes.byref(deadline)))
        if deadline.value == _NONE:
            return None
        return max(0, deadline.value / 1000000 - time.clock_gettime(time.CLOCK_MONOTONIC))

    def process(self):
        return _check(_lib.futured_process(self.handle))

    def process_until(self, condition, timeout=60):
        """Drive the connection until condition() holds; what it returned."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if self.process() == 0:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not within {timeout} s")
                _check(_lib.futured_wait_io(self.handle, _usec(left)))
        return value

    # Futures.

    def create(self, profile=None, *, params=None, spec=None, polling=None, retry=None, key=None, labels=None, mode=0,
               ttl=DEFAULT, timeout=DEFAULT, flags=0, callback=None):
        options = _CreateOptions(
            profile=_bytes(profile), params_json=_json(params), spec_json=_json(spec), polling_json=_json(polling),
            retry_json=_json(retry), key=_bytes(key), labels=_pairs(labels), mode=mode, ttl_usec=_usec(ttl),
            timeout_usec=_usec(timeout), flags=flags)
        future = Future(self)
        return future._made(_lib.futured_create, self.handle, ctypes.byref(options), *future._callback(callback))

    def attach(self, some_id, flags=0, callback=None):
        future = Future(self)
        return future._made(_lib.futured_attach, self.handle, _bytes(some_id), flags, *future._callback(callback))

    def wait(self, futures, mode=ALL_COMPLETED, timeout=None):
        """False: the condition did not hold within the timeout."""
        handles = (_P * len(futures))(*(future.handle for future in futures))
        return bool(_check(_lib.futured_wait(self.handle, handles, len(futures), mode, _usec(timeout))))

    def next_done(self, futures):
        """That of these futures which the library gives out next, or None."""
        handle = _P()
        if not _check(_lib.futured_next_done(self.handle, ctypes.byref(handle))):
            return None
        return next(future for future in futures if future.handle == handle.value)

    def ask(self, method, params=None, callback=None):
        reply = Reply(self)
        return reply._made(_lib.futured_call, self.handle, _bytes(method), _json(params), *reply._callback(callback))

    def call(self, method, params=None):
        """Its answer."""
        return self.ask(method, params).value()

    def subscribe(self, function, ids=None, labels=None, since=None):
        """Have function(event) called for each event."""
        options = _SubscribeOptions(ids=_strings(ids), labels=_pairs(labels), since=_NONE if since is None else since)
        subscription = Subscription(self)
        number = _remember(function)
        subscription.numbers.append(number)
        return subscription._made(_lib.futured_subscribe, self.handle, ctypes.byref(options), _on_event, number)
