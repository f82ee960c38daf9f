"""liborders.py - more of the C library by ctypes: handles in the order of completion, groups, promises, and what a handle hears."""
import ctypes
import errno
import json

import libfutured
from libfutured import STATES, Future, Reply, _bytes, _check, _Handle, _json, _lib, _Struct, _text, _usec

SINGLE = 0x100
_P, _S, _U, _U64, _SIZE, _INT = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint64, ctypes.c_size_t,
                                 ctypes.c_int)
_PP, _PSIZE = map(ctypes.POINTER, (_P, _SIZE))
_CB = libfutured._CB


class _Rejection(_Struct):
    _fields_ = [("size", _SIZE), ("kind", _S), ("message", _S), ("code", _S), ("details", _P), ("details_len", _SIZE)]


# name: what it returns, then what it takes
_FUNCTIONS = {
    "as_completed": (_INT, _P, _PP, _SIZE, _U64, _PP), "completion_next": (_INT, _P, _PP),
    "completion_left": (_SIZE, _P), "completion_free": (_P, _P),
    "group_new": (_INT, _P, _PP, _SIZE, _U, _PP), "group_unref": (_P, _P), "group_add": (_INT, _P, _P),
    "group_add_id": (_INT, _P, _S), "group_count": (_SIZE, _P), "group_at": (_P, _P, _SIZE), "group_id": (_S, _P, _SIZE),
    "group_is_single": (_INT, _P), "group_is_ready": (_INT, _P), "group_counts": (_SIZE, _P, _PSIZE),
    "group_refresh": (_INT, _P, _U64), "group_wait_created": (_INT, _P, _U64), "group_wait": (_INT, _P, _INT, _U64),
    "group_as_completed": (_INT, _P, _U64, _PP), "group_save": (_INT, _P, _S), "group_open": (_INT, _P, _S, _PP),
    "group_file_error": (_S, _P), "future_ref": (_P, _P),
    "future_is_running": (_INT, _P), "future_is_cancelled": (_INT, _P), "future_progress": (_S, _P),
    "future_on_progress": (_INT, _P, _CB, _P), "future_on_trouble": (_INT, _P, _CB, _P), "future_trouble": (_S, _P),
    "future_attempts": (_U64, _P),
    "future_claim": (_INT, _P, _U64, _CB, _P, _PP), "future_claim_id": (_S, _P), "future_set_claim": (_INT, _P, _S),
    "future_renew": (_INT, _P, _U64, _CB, _P, _PP), "future_set_progress": (_INT, _P, _S, _CB, _P, _PP),
    "future_resolve": (_INT, _P, _S, _SIZE, _S, _CB, _P, _PP), "future_reject": (_INT, _P, _P, _CB, _P, _PP),
}
for _name, (_returned, *_taken) in _FUNCTIONS.items():
    _function = getattr(_lib, "futured_" + _name)
    _function.restype, _function.argtypes = _returned, _taken


def _handles(futures):
    return (_P * len(futures))(*(future.handle for future in futures))


class Completion(_Handle):
    """An iterator over handles in the order in which they are done; TimeoutError when its time is over."""

    release = "futured_completion_free"

    def __init__(self, connection, futures):
        super().__init__(connection)
        self.futures = list(futures)

    def __iter__(self):
        return self

    def __next__(self):
        handle = _P()
        r = _lib.futured_completion_next(self.handle, ctypes.byref(handle))
        if r == -errno.ETIMEDOUT:
            raise TimeoutError(f"{self.left()} (of {len({f.handle for f in self.futures})}) futures unfinished")
        if not _check(r):
            raise StopIteration
        return next(future for future in self.futures if future.handle == handle.value)

    def left(self):
        return _lib.futured_completion_left(self.handle)


def as_completed(connection, futures, timeout=None):
    completion = Completion(connection, futures)
    return completion._made(_lib.futured_as_completed, connection.handle, _handles(futures), len(futures), _usec(timeout))


class Group(_Handle):
    """Several handles, in order."""

    release = "futured_group_unref"

    @classmethod
    def new(cls, connection, futures=(), flags=0):
        group = cls(connection)
        return group._made(_lib.futured_group_new, connection.handle, _handles(futures), len(futures), flags)

    @classmethod
    def open(cls, connection, path):
        group = cls(connection)
        return group._made(_lib.futured_group_open, connection.handle, _bytes(path))

    def add(self, future):
        _check(_lib.futured_group_add(self.handle, future.handle))

    def add_id(self, some_id):
        _check(_lib.futured_group_add_id(self.handle, _bytes(some_id)))

    def __len__(self):
        return _lib.futured_group_count(self.handle)

    def __getitem__(self, i):
        handle = _lib.futured_group_at(self.handle, i)
        if not handle:
            raise IndexError
        future = Future(self.connection)
        future.handle = _lib.futured_future_ref(handle)
        return future

    ids = property(lambda self: [_text(_lib.futured_group_id(self.handle, i)) for i in range(len(self))])
    statuses = property(lambda self: [future.state for future in self])

    def is_single(self):
        return bool(_lib.futured_group_is_single(self.handle))

    def is_ready(self):
        return bool(_lib.futured_group_is_ready(self.handle))

    def counts(self):
        """How many are in which state, and how many in none."""
        counts = (_SIZE * len(STATES))()
        none = _lib.futured_group_counts(self.handle, counts)
        return {**dict(zip(STATES, counts)), "none": none}

    def refresh(self, timeout=None):
        return bool(_check(_lib.futured_group_refresh(self.handle, _usec(timeout))))

    def created(self, timeout=None):
        if not _check(_lib.futured_group_wait_created(self.handle, _usec(timeout))):
            raise TimeoutError
        return self

    def wait(self, mode=libfutured.ALL_COMPLETED, timeout=None):
        return bool(_check(_lib.futured_group_wait(self.handle, mode, _usec(timeout))))

    def get(self, timeout=None):
        """The results of all, in order; the one of a single."""
        if not self.wait(timeout=timeout):
            raise TimeoutError
        results = [future.json() for future in self]
        return results[0] if self.is_single() else results

    def as_completed(self, timeout=None):
        completion = Completion(self.connection, self)
        return completion._made(_lib.futured_group_as_completed, self.handle, _usec(timeout))

    def save(self, path):
        _check(_lib.futured_group_save(self.handle, _bytes(path)))

    def file_error(self):
        return file_error(self.connection)


def file_error(connection):
    return _text(_lib.futured_group_file_error(connection.handle))


# What a handle has heard.

def is_running(future):
    return bool(_check(_lib.futured_future_is_running(future.handle)))


def is_cancelled(future):
    return bool(_check(_lib.futured_future_is_cancelled(future.handle)))


def progress(future):
    value = _lib.futured_future_progress(future.handle)
    return None if value is None else json.loads(value)


def _follow(register, future, function):
    number = libfutured._remember(lambda: function(future))
    future.numbers.append(number)
    _check(register(future.handle, _on_change, number))


def on_progress(future, function):
    """Have function(future) called at each change."""
    _follow(_lib.futured_future_on_progress, future, function)


def on_trouble(future, function):
    """Have function(future) called at each request that failed and is tried again."""
    _follow(_lib.futured_future_on_trouble, future, function)


def trouble(future):
    """What went wrong last, and how often in a row."""
    return _text(_lib.futured_future_trouble(future.handle)), _lib.futured_future_attempts(future.handle)


@_CB
def _on_change(_, number):
    libfutured._calls[number]()


# Promises. Each gives the answer; Error when it is refused.

def _ask(future, name, *arguments):
    reply = Reply(future.connection)
    reply._made(getattr(_lib, "futured_future_" + name), future.handle, *arguments, libfutured._NO_CB, None)
    return reply.value()


def promise(connection, **more):
    """A handle on a new promise, which nobody has claimed."""
    return connection.create(spec={"kind": "promise", **more}).created()


def claim(future, lease=None):
    return _ask(future, "claim", _usec(lease))


def claim_id(future):
    return _text(_lib.futured_future_claim_id(future.handle))


def set_claim(future, value):
    _check(_lib.futured_future_set_claim(future.handle, _bytes(value)))


def renew(future, lease):
    return _ask(future, "renew", _usec(lease))


def set_progress(future, value):
    return _ask(future, "set_progress", _json(value))


def set_result(future, value):
    """Resolve it with a JSON value."""
    return resolve(future, json.dumps(value).encode(), "application/json")


def resolve(future, data, content_type=None):
    return _ask(future, "resolve", data, len(data), _bytes(content_type))


def set_exception(future, message, **more):
    """Reject it; more: kind, code."""
    rejection = _Rejection(message=_bytes(message), **{key: _bytes(value) for key, value in more.items()})
    return _ask(future, "reject", ctypes.byref(rejection))
