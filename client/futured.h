/* futured.h - client library of futured, the local broker of futures.
 *
 * A future is a long-running operation that the daemon submits, polls, retries and keeps the result of.
 * It lives in the daemon: it outlives the process that created it, this connection, and the daemon's restarts.
 *
 * Conventions
 *   Functions return 0 or a positive value on success, a negative errno on failure.
 *   Outputs are last, named ret..., and are untouched on failure.
 *   Pointers returned by value are borrowed and live as long as their object; pointers returned through ret are
 *   owned by the caller, unless it says otherwise.
 *   *_unref(NULL) is allowed and does nothing; every *_unref returns NULL.
 *   A connection and its handles belong to one thread at a time. The library starts no threads, keeps no
 *   globals, installs no signal handlers, prints nothing, and never raises SIGPIPE.
 *   After fork() every call in the child that needs the connection returns -ECHILD; releasing its objects there
 *   sends nothing. Open a connection of the child's own instead.
 *   Callbacks run only inside futured_process(), the functions that wait, and futured_close(), but for that of
 *   futured_set_loop_cb(). A callback may start new work and release any object, its own and the connection
 *   included; processing or waiting from inside one returns -EBUSY, but for a wait for what is
 *   done already.
 *   A blocking call that a signal interrupts returns -EINTR. Nothing is lost: make the same call again.
 *   Times are microseconds. Timeouts are relative, deadlines are CLOCK_MONOTONIC.
 *   Text is UTF-8 and ends with NUL.
 *
 * Errors of the daemon come as these numbers; struct futured_error has the name and a message for people.
 *   -ENOENT      NotFound: no such future, or none that you may see      -EINVAL     InvalidArgument
 *   -EACCES      PermissionDenied: you may see it, but not change it     -ENOEXEC    InvalidSpec
 *   -EREMOTEIO   Failed: the future itself failed                        -EEXIST     KeyConflict
 *   -ECANCELED   Cancelled: the future was cancelled                     -EBUSY      InvalidState
 *   -ETIMEDOUT   Timeout: the wait is over, the future is not            -EDQUOT     LimitExceeded
 *   -ESHUTDOWN   ShuttingDown                                            -ENOSPC     DiskFull
 *   -EMSGSIZE    TooLarge                                                -ENOMEM     OutOfMemory
 *   -ENOSYS      MethodNotFound                                          -EIO        Internal
 * And these of the connection:
 *   -ECONNRESET    it was lost before the answer came, and asking again could have done the thing twice
 *   -ENOTCONN      it is closed
 *   -ECONNABORTED  it was closed here while this was under way
 *   -EBADMSG       the daemon's bytes made no sense; the connection is closed
 */
#ifndef FUTURED_H
#define FUTURED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FUTURED_API __attribute__((visibility("default")))
#define FUTURED_MUST_CHECK __attribute__((warn_unused_result))
#else
#define FUTURED_API
#define FUTURED_MUST_CHECK
#endif

typedef struct futured futured;                           /* one connection to the daemon */
typedef struct futured_future futured_future;             /* local handle on one future */
typedef struct futured_reply futured_reply;               /* the answer to one call, awaited or there */
typedef struct futured_subscription futured_subscription; /* a stream of events */
typedef struct futured_completion futured_completion;     /* handles in the order in which they are done */
typedef struct futured_group futured_group;               /* several handles, in order */

#define FUTURED_TIME_NONE UINT64_MAX          /* without end */
#define FUTURED_TIME_DEFAULT (UINT64_MAX - 1) /* at creation: what the spec or the daemon says */

/* Stable: values are never reused. */
enum futured_state {
	FUTURED_PENDING = 0,   /* accepted and durable, nothing sent to the service yet */
	FUTURED_RUNNING = 1,   /* submitted, or being polled */
	FUTURED_SUCCEEDED = 2,
	FUTURED_FAILED = 3,
	FUTURED_CANCELLED = 4
};

/* Why something failed. Allocated by the library only, so it may grow at its end. */
struct futured_error {
	int code;                 /* negative errno, as listed above */
	const char *name;         /* the daemon's name for it ("NotFound"); NULL when the library itself says it */
	const char *message;      /* for people; never NULL */
	/* Only of a future that failed; NULL or 0 when not known: */
	const char *kind;         /* "remote", "lost", "deadline", "retry_exhausted", "submit_unknown", ... */
	const char *remote_code;  /* the service's own code, as JSON or plain text */
	unsigned http_status;
	uint64_t attempts;
	const void *details;      /* what the service sent about it */
	size_t details_len;
};

/* The google.rpc code that remote_code is, as a number ("5") or by its name ("NOT_FOUND", in quotes or not), 0 to 16;
 * -1 when it is none, or error is NULL. Codes of HTTP are not: they are in http_status. */
FUTURED_API int futured_error_grpc_code(const struct futured_error *error);

/* --- the connection --------------------------------------------------------------------------- */

#define FUTURED_NO_RECONNECT 1u  /* a lost connection stays lost: all that is under way ends with -ECONNRESET */

/* Initialise with FUTURED_OPTIONS_INIT. */
struct futured_options {
	size_t size;         /* of this struct, set by the initialiser */
	unsigned flags;      /* FUTURED_NO_RECONNECT */
	const char *client;  /* what to call this program in the daemon's log, or NULL */
	size_t result_max;   /* refuse results over so many bytes with -EMSGSIZE; 0: 256 MiB */
};
#define FUTURED_OPTIONS_INIT { sizeof(struct futured_options), 0, NULL, 0 }

/*
 * Connect to the daemon.
 *   path     its socket; NULL: $FUTURED_SOCKET, else the user's ($XDG_RUNTIME_DIR/futured/futured.sock, without a
 *            runtime directory $TMPDIR/futured-UID/futured.sock), else the machine's (/run/futured/futured.sock)
 *   options  may be NULL
 *   ret      owned by the caller: futured_unref()
 * Does not block. Where neither path nor $FUTURED_SOCKET names the socket, the process behind it must belong to root,
 * to this user, or to the owner of the socket's directory.
 * Returns 0; -ENOENT or -ECONNREFUSED when no daemon is there, -EACCES, -EPERM when somebody else's process
 * listens, -ENAMETOOLONG, -EINVAL, -ENOMEM, -EMFILE, -ENFILE.
 *
 * A connection that is lost later comes back by itself, for as long as it is processed: after 50 ms, then at growing
 * intervals of up to 2 s. What was under way goes on: futures are taken up by their id, subscriptions
 * where they stopped, and requests that can be repeated without harm are repeated.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_open(const char *path, const struct futured_options *options, futured **ret);

FUTURED_API futured *futured_ref(futured *c);
/* Releasing the last reference closes the connection; handles that outlive it stay readable. */
FUTURED_API futured *futured_unref(futured *c);

/* Close for good. What is still under way completes with -ECONNABORTED; the callbacks run before this returns, or after
 * the callback it was called from. The futures themselves live on in the daemon. Does not block. */
FUTURED_API void futured_close(futured *c);

/*
 * Event loop: poll the fd for the events, at most until the deadline, then call futured_process() until it returns 0.
 * Ask for all three anew before each poll; the fd changes when the connection comes back.
 */

/* The socket, or -EAGAIN while there is none to poll and only the deadline counts; -ENOTCONN, -ECHILD. */
FUTURED_API int futured_get_fd(futured *c);
/* POLLIN, POLLOUT, or both; -ENOTCONN, -ECHILD. */
FUTURED_API int futured_get_events(futured *c);
/* When to call futured_process() even if nothing happens on the fd: FUTURED_TIME_NONE for never, 0 for at once. */
FUTURED_API int futured_get_timeout(futured *c, uint64_t *ret_deadline_usec);

/* Do what can be done without blocking: write, call back, read. A bounded amount of work.
 * Returns 1 when there was something to do, 0 when all is idle; -EBUSY from inside a callback, -ECHILD, and when the
 * connection is closed for good and nothing is left to call back -ENOTCONN, or -EBADMSG if that was the reason. */
FUTURED_API int futured_process(futured *c);

/* Block until futured_process() has something to do. 1, or 0 after timeout_usec; -EINTR, -ENOTCONN, -ECHILD. */
FUTURED_API int futured_wait_io(futured *c, uint64_t timeout_usec);

/* CLOCK_MONOTONIC in microseconds: what deadlines are compared with. */
FUTURED_API uint64_t futured_now(void);

/*
 * For an event loop that is asked to watch a descriptor and a time, instead of being told both before each poll. cb is
 * called outside futured_process() when there is something to do that was not there before, with -1: have
 * futured_process() called soon. And anywhere, with its number, before the socket is closed: stop watching it; the next
 * one may have the same number. It is the one callback that comes from inside any function, and must not call back into
 * the library. NULL takes it away. futured-libevent.h and futured-libuv.h are made of it.
 */
typedef void (*futured_loop_cb)(futured *c, int closing_fd, void *userdata);
FUTURED_API void futured_set_loop_cb(futured *c, futured_loop_cb cb, void *userdata);

/* The path of the socket that this connection uses. */
FUTURED_API const char *futured_socket_path(futured *c);

/* The library's version, "0.1.0". */
FUTURED_API const char *futured_version(void);

/* --- futures ---------------------------------------------------------------------------------- */

/* Called exactly once per registration, also when the future was over already; never from inside the function
 * that registers; in the order of registration. Not called when the handle is released before. */
typedef void (*futured_cb)(futured_future *f, void *userdata);

/* Flags of a handle. */
#define FUTURED_NO_RESULT 1u  /* do not fetch the result's bytes: futured_future_result() says -ENODATA */
#define FUTURED_LOOK_ONCE 2u  /* do not wait: a future that is not over completes the handle with -ETIMEDOUT */

/* When several futures are enough. */
enum futured_wait_mode {
	FUTURED_ALL_COMPLETED = 0,
	FUTURED_FIRST_COMPLETED = 1,
	FUTURED_FIRST_EXCEPTION = 2  /* at the first that failed, else when all are done; cancelled is not failed */
};

/* What to create. Initialise with FUTURED_CREATE_INIT, then set what you need. Strings are copied. */
struct futured_create_options {
	size_t size;                 /* of this struct, set by the initialiser */
	const char *profile;         /* a profile's name; it, spec_json or both are required */
	const char *const *params;   /* values for the profile: name, value, ..., NULL */
	const char *params_json;     /* or the same as a JSON object, where values are not text */
	const char *spec_json;       /* a JSON object; beside a profile its keys win */
	const char *polling_json;    /* a JSON object: how often to ask */
	const char *retry_json;      /* a JSON object: what to do when asking fails */
	const char *key;             /* a second creation with it by this user, from anywhere, gives the same future */
	const char *const *labels;   /* name, value, ..., NULL */
	unsigned mode;               /* 0600, 0640, 0644, 0660, 0666; 0: the default, 0600 */
	uint64_t ttl_usec;           /* kept so long after its end; FUTURED_TIME_NONE: for ever */
	uint64_t timeout_usec;       /* its deadline; FUTURED_TIME_NONE: none at all */
	unsigned flags;              /* FUTURED_NO_RESULT, FUTURED_LOOK_ONCE */
	const char *const *after;    /* it is held until all of these have succeeded: id, ..., NULL */
	uint64_t start_at_ms;        /* and until this time, milliseconds since the epoch; 0: none. Or: */
	uint64_t delay_usec;         /* until so long after its creation; 0: none */
};
#define FUTURED_CREATE_INIT { sizeof(struct futured_create_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
	0, FUTURED_TIME_DEFAULT, FUTURED_TIME_DEFAULT, 0, NULL, 0, 0 }

/*
 * Create a future and get a handle that completes when it is over.
 *   cb       may be NULL: use futured_future_wait() or futured_next_done()
 *   ret      owned by the caller: futured_future_unref(); may be NULL to have only the callback, or nothing
 * Does not block: the bytes leave in futured_process(). The future is durable once its id is known
 * (futured_future_wait_created()). A refused creation completes the handle with that error.
 * Without a key the library makes one ("auto-" and 32 hex digits), so that a creation whose answer is lost with
 * the connection is repeated without creating the future twice.
 * Returns 0; -EINVAL (neither profile nor spec, both forms of params, both a start and a delay, text that is not UTF-8,
 * what is not an id in after, an unknown flag),
 * -EMSGSIZE, -ENOMEM, -ENOBUFS (65,536 things are under way), -ENOTCONN, -ECHILD.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_create(futured *c, const struct futured_create_options *options,
    futured_cb cb, void *userdata, futured_future **ret);

/* A future over others: the spec {"kind": "group", "of": ids, "until": ...}. Its result, JSON, lists how each of them ended;
 * with FUTURED_FIRST_EXCEPTION it fails as the first that failed. They must be visible to this user, and none is cancelled
 * with it.
 *   ids      id, ..., NULL; at most 4,096, duplicates allowed
 *   until    all are over, the first is, or the first has failed
 *   options  without profile and spec; may be NULL
 * As futured_create() otherwise; -EINVAL for what is not an id, -EMSGSIZE for too many. */
FUTURED_API FUTURED_MUST_CHECK int futured_group_future_create(futured *c, const char *const *ids,
    enum futured_wait_mode until, const struct futured_create_options *options,
    futured_cb cb, void *userdata, futured_future **ret);

/* A handle on a future that exists, by its id (36 characters). As futured_create() otherwise; -EINVAL for what is
 * not an id. One that does not exist, or may not be seen, completes the handle with -ENOENT. */
FUTURED_API FUTURED_MUST_CHECK int futured_attach(futured *c, const char *id, unsigned flags,
    futured_cb cb, void *userdata, futured_future **ret);

FUTURED_API futured_future *futured_future_ref(futured_future *f);
/* Forget the handle. Never cancels: the future stays in the daemon, to be taken up again with futured_attach(). */
FUTURED_API futured_future *futured_future_unref(futured_future *f);

/* One more callback, after those registered before; from the next futured_process() if f is done. 0, -ENOMEM,
 * -ENOTCONN, -ECHILD. */
FUTURED_API FUTURED_MUST_CHECK int futured_future_on_done(futured_future *f, futured_cb cb, void *userdata);

/* Its id, NULL until the daemon has told it. */
FUTURED_API const char *futured_future_id(futured_future *f);
/* 1: this handle's creation made the future; 0: it existed before, or was attached; -EINPROGRESS: not known yet. */
FUTURED_API int futured_future_is_new(futured_future *f);
/* 1 when the handle is done: its future is over, or nothing more will be heard of it; else 0. */
FUTURED_API int futured_future_is_done(futured_future *f);
/* enum futured_state as last heard from the daemon. A handle is told of the end; of the steps before it only when it is
 * followed: futured_future_on_progress(). */
FUTURED_API int futured_future_state(futured_future *f);
/* 1 when that is FUTURED_RUNNING and the handle is not done, else 0. */
FUTURED_API int futured_future_is_running(futured_future *f);
/* 1 when that is FUTURED_CANCELLED, else 0. */
FUTURED_API int futured_future_is_cancelled(futured_future *f);

/* How it ended. 0: succeeded, the bytes and their length (either may be NULL), borrowed, with a NUL after them that
 * does not count; -EINPROGRESS: not done; -ENODATA: succeeded, but FUTURED_NO_RESULT was given (outputs untouched);
 * -EREMOTEIO: failed; -ECANCELED: cancelled; any other: why the handle is done without the future being over. */
FUTURED_API int futured_future_result(futured_future *f, const void **ret, size_t *ret_len);
/* The result's media type, NULL if not known. */
FUTURED_API const char *futured_future_content_type(futured_future *f);
/* Bytes of the result, also with FUTURED_NO_RESULT; 0 while not known. */
FUTURED_API uint64_t futured_future_result_size(futured_future *f);
/* What futured_future_result() fails with, in full; NULL when there is nothing to say. */
FUTURED_API const struct futured_error *futured_future_error(futured_future *f);

/*
 * Follow a future before its end. From here on its state, progress and trouble are heard of, whatever the number of
 * handles that are followed; cb, which may be NULL, is called for each change of its progress, or for each request to
 * the service that failed and will be tried again; first for what there is of that. As for other callbacks, in the order of
 * registration and as long as the handle is held; never once the handle is done: what comes with its end is told before,
 * what comes after it is not. The daemon may merge what comes faster than it is read.
 * 0, also for a handle that is done, of which nothing more is heard; -ENOMEM, -ENOTCONN, -ECHILD.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_future_on_progress(futured_future *f, futured_cb cb, void *userdata);
FUTURED_API FUTURED_MUST_CHECK int futured_future_on_trouble(futured_future *f, futured_cb cb, void *userdata);
/* As last heard of one that is followed, borrowed until the next futured_process(); else NULL, NULL and 0: its progress as
 * JSON text, as the service or the producer sent it; what went wrong with the last request that failed; how many
 * had failed in a row then. */
FUTURED_API const char *futured_future_progress(futured_future *f);
FUTURED_API const char *futured_future_trouble(futured_future *f);
FUTURED_API uint64_t futured_future_attempts(futured_future *f);

/* Drive the connection until the daemon has acknowledged a creation. 1: the id is known; 0: timed out; the creation's
 * error when it was refused; -EINTR, -EBUSY, -ENOTCONN, -ECHILD. */
FUTURED_API FUTURED_MUST_CHECK int futured_future_wait_created(futured_future *f, uint64_t timeout_usec);

/* Drive the connection until f is done and its callbacks have run. 1: done; 0: timed out (of the wait: the future is
 * not touched, wait again); -EINTR, -EBUSY, -ENOTCONN, -ECHILD. A timeout of 0 takes what has arrived already. */
FUTURED_API FUTURED_MUST_CHECK int futured_future_wait(futured_future *f, uint64_t timeout_usec);

/* The same for several handles of c, in any order and number, duplicates allowed. 1: the condition holds (at once for
 * n = 0); 0: timed out; -EINVAL for another connection's, -ENOMEM; else as futured_future_wait(). Which of them are
 * done, futured_future_is_done() says. */
FUTURED_API FUTURED_MUST_CHECK int futured_wait(futured *c, futured_future *const *futures, size_t n,
    enum futured_wait_mode mode, uint64_t timeout_usec);

/* Completions without callbacks: the handle that has been done longest, of those that have no callback. Each is
 * given out once. 1 and *ret (borrowed), 0 when there is none; -ECHILD. Does not drive the connection. */
FUTURED_API int futured_next_done(futured *c, futured_future **ret);

/*
 * Handles of c in the order in which they are done, those first that are done already; each once, however often it is
 * among the n. The time, FUTURED_TIME_NONE for without end, counts from here, for all of them together.
 *   ret      owned by the caller: futured_completion_free(). It holds the handles that it has not given yet.
 * Does not block. 0; -EINVAL for another connection's handles, -ENOMEM.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_as_completed(futured *c, futured_future *const *futures, size_t n,
    uint64_t timeout_usec, futured_completion **ret);
/* Drive the connection until the next one is done and its callbacks have run. 1 and *ret, borrowed until the next call
 * for those who hold no reference of their own; 0: all were given; -ETIMEDOUT: the time is over, and what becomes done
 * later is still given by a later call; -EINTR, -EBUSY, -ENOTCONN, -ECHILD; -ECONNABORTED: a callback released it. */
FUTURED_API FUTURED_MUST_CHECK int futured_completion_next(futured_completion *completion, futured_future **ret);
/* How many are not given yet. */
FUTURED_API size_t futured_completion_left(futured_completion *completion);
/* NULL is allowed; returns NULL. The handles go on. */
FUTURED_API futured_completion *futured_completion_free(futured_completion *completion);

/* --- groups ----------------------------------------------------------------------------------- */

/*
 * Several handles, in order, duplicates kept: what a program that starts many things wants to keep in one place, and to
 * find again after its end. A group is of this process; one that the daemon completes is a future of its own, with a spec
 * of kind "group".
 */

#define FUTURED_GROUP_SINGLE 0x100u  /* it stands for one thing, not for a list: for those who show results */
#define FUTURED_STATES 5             /* values of enum futured_state */

/* A group of handles of c, n of them (0 is fine), each held by a reference. flags: FUTURED_GROUP_SINGLE, and
 * FUTURED_NO_RESULT for the handles that the group makes itself. 0; -EINVAL, -ENOMEM, -ENOTCONN, -ECHILD. */
FUTURED_API FUTURED_MUST_CHECK int futured_group_new(futured *c, futured_future *const *futures, size_t n, unsigned flags,
    futured_group **ret);
FUTURED_API futured_group *futured_group_ref(futured_group *group);
/* Forget the group. As with handles, the futures go on in the daemon. */
FUTURED_API futured_group *futured_group_unref(futured_group *group);
/* One more at the end: a handle; or the one for an id, which is the group's own where it has one with that id already, and
 * else what futured_attach() gives. 0; -EINVAL, -ENOMEM, -ENOBUFS, -ENOTCONN,
 * -ECHILD. */
FUTURED_API FUTURED_MUST_CHECK int futured_group_add(futured_group *group, futured_future *f);
FUTURED_API FUTURED_MUST_CHECK int futured_group_add_id(futured_group *group, const char *id);

FUTURED_API size_t futured_group_count(futured_group *group);
/* The handle at index i, borrowed; NULL from the count on. */
FUTURED_API futured_future *futured_group_at(futured_group *group, size_t i);
/* Its id; NULL from the count on, and until the daemon has told it. */
FUTURED_API const char *futured_group_id(futured_group *group, size_t i);
/* 1 when it was made with FUTURED_GROUP_SINGLE, else 0. */
FUTURED_API int futured_group_is_single(futured_group *group);
/* 1 when every handle is done, else 0. */
FUTURED_API int futured_group_is_ready(futured_group *group);
/* How many are in which state, by enum futured_state, as last heard. Returns how many are in none: their handles are done
 * without the future being over (refused, forgotten, the connection closed). The sum is the count. */
FUTURED_API size_t futured_group_counts(futured_group *group, size_t ret[FUTURED_STATES]);

/* Ask the daemon once for all states, and fetch what is over; does not wait for any future. Afterwards the states are as
 * they were when this was called, or later, and what was over is done. 1; 0: timed out; else as futured_future_wait(). */
FUTURED_API FUTURED_MUST_CHECK int futured_group_refresh(futured_group *group, uint64_t timeout_usec);
/* Drive the connection until every creation in it is acknowledged. 1; 0: timed out; the error of the first that was
 * refused; else as futured_future_wait(). */
FUTURED_API FUTURED_MUST_CHECK int futured_group_wait_created(futured_group *group, uint64_t timeout_usec);
/* futured_wait() and futured_as_completed() for its handles as they are now. */
FUTURED_API FUTURED_MUST_CHECK int futured_group_wait(futured_group *group, enum futured_wait_mode mode,
    uint64_t timeout_usec);
FUTURED_API FUTURED_MUST_CHECK int futured_group_as_completed(futured_group *group, uint64_t timeout_usec,
    futured_completion **ret);

/*
 * Write the group to a file from which another process, later, takes it up with futured_group_open():
 *   {"futured_group": 1, "single": false, "socket": "/run/user/1000/futured/futured.sock", "ids": ["...", ...]}
 * The file appears whole or not at all, replaces what was there, is on disk when this returns, and is its owner's alone
 * (0600). Blocks for the disk.
 * Returns 0; -EAGAIN while an id is not known (futured_group_wait_created()), -ENODATA when one never will be, -EEXIST where
 * a device, a pipe or a socket is, -ENOTCONN, -ENOMEM, and what the file system says. futured_group_file_error() has it in words.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_group_save(futured_group *group, const char *path);
/*
 * Take up a group that was saved. The socket in the file is there for those who have no connection yet: it is not
 * compared with that of c, as one daemon may be found by several paths (a link, a mount, a runtime directory that
 * moved), and one path may lead to another daemon later. Keys that are not known are skipped. The handles are
 * attached, so an id that the daemon does not know any more is no error here: its handle is done with -ENOENT.
 * Returns 0; -EINVAL for a file that is none of these, -ENOTSUP for one of a later version, -EFBIG over 8 MiB, what
 * the file system says, and the errors of futured_attach(). futured_group_file_error() has it in words.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_group_open(futured *c, const char *path, futured_group **ret);
/* What the last futured_group_save() or futured_group_open() on c failed with, with the file's name and the place in it:
 * "jobs.json:3:1: not JSON", "jobs.json: ids[2]: nil, not an id". NULL when it did not, or memory was short. */
FUTURED_API const char *futured_group_file_error(futured *c);

/* --- calls ------------------------------------------------------------------------------------ */

/* Called exactly once; as futured_cb. */
typedef void (*futured_reply_cb)(futured_reply *reply, void *userdata);

/*
 * Call any method of the protocol: PROTOCOL.md lists them. For what has no function of its own here:
 * future.get, future.list, profile.list, profile.get, server.stats, ...
 *   method       "future.get"
 *   params_json  a JSON object, or NULL for none
 *   cb           may be NULL
 *   ret          owned by the caller: futured_reply_unref(); may be NULL
 * Does not block. A method that only reads, or that can be repeated without harm, is asked again when the
 * connection is lost before its answer came; any other then ends with -ECONNRESET.
 * Returns 0; -EINVAL (not a JSON object; future.subscribe, which has futured_subscribe()), and as futured_create().
 */
FUTURED_API FUTURED_MUST_CHECK int futured_call(futured *c, const char *method, const char *params_json,
    futured_reply_cb cb, void *userdata, futured_reply **ret);

FUTURED_API futured_reply *futured_reply_ref(futured_reply *reply);
/* Forget the answer. What was asked for is done all the same. */
FUTURED_API futured_reply *futured_reply_unref(futured_reply *reply);
/* 0: answered; -EINPROGRESS: not yet; else the error. */
FUTURED_API int futured_reply_status(futured_reply *reply);
/* The answer as JSON text, NULL when there is none. Bytes appear as a string where they are UTF-8, else as
 * {"base64": "..."}. */
FUTURED_API const char *futured_reply_json(futured_reply *reply);
FUTURED_API const struct futured_error *futured_reply_error(futured_reply *reply);
/* Drive the connection until it is answered. 1, or 0 after timeout_usec; -EINTR, -EBUSY, -ENOTCONN, -ECHILD. */
FUTURED_API FUTURED_MUST_CHECK int futured_reply_wait(futured_reply *reply, uint64_t timeout_usec);

/*
 * What one can do to a future. cb and ret as for futured_call(); with neither, the request is sent and its answer
 * ignored.
 * All return 0, -EAGAIN while the id is not known (futured_future_wait_created()), and the errors of futured_call().
 */

/* Ask for its end. The handle still completes: cancelled, or with its result if it was too late. {cancelled, state} */
FUTURED_API int futured_future_cancel(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
/* Poll the service now instead of when it is due. {state} */
FUTURED_API int futured_future_refresh(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
/* Set its deadline to timeout_usec from now; FUTURED_TIME_NONE takes it away. {deadline_at_ms} */
FUTURED_API int futured_future_extend(futured_future *f, uint64_t timeout_usec,
    futured_reply_cb cb, void *userdata, futured_reply **ret);
/* Remove one that is over, and its result, from the daemon. {} */
FUTURED_API int futured_future_forget(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
/* Send no request for it until it is resumed. One on its way is let finish, and the deadline still counts. {paused}; {resumed} */
FUTURED_API int futured_future_pause(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
FUTURED_API int futured_future_resume(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
/* Keep it when its time after the end is over, and whatever the limits say; futured_future_forget() still removes it.
 * {pinned} */
FUTURED_API int futured_future_pin(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
FUTURED_API int futured_future_unpin(futured_future *f, futured_reply_cb cb, void *userdata, futured_reply **ret);
/* A new future that takes the operation of a failed or cancelled one up where that left it. As futured_attach();
 * not repeated when the connection is lost: -ECONNRESET. */
FUTURED_API FUTURED_MUST_CHECK int futured_future_retry(futured_future *f, unsigned flags,
    futured_cb cb, void *userdata, futured_future **ret);

/*
 * Promises: futures that a process completes instead of a service. One is created by the spec {"kind": "promise"}; whoever
 * may change it may also complete it, until a producer claims it: from then on only with that claim. When the producer dies,
 * the promise fails ("abandoned"), or with "on_abandon": "release" is pending again for another to claim.
 * All are answered when what they did is durable, return as futured_future_cancel(), and -EAGAIN also while a claim made
 * through this handle is unanswered. The answers of claim, resolve and reject are not asked for again when the connection is
 * lost (-ECONNRESET): the state of the future tells.
 */

/*
 * Claim f as its producer. The handle keeps the claim: the functions below show it.
 *   lease_usec  it must be renewed within this time; FUTURED_TIME_NONE: it holds as long as this connection lives, and
 *               is lost with it also when the connection comes back
 * {claim, lease_until_ms, progress}: progress is how far a producer before this one got. -EBUSY when it is claimed by another,
 * or over. Releasing the handle does not give the claim up.
 */
FUTURED_API int futured_future_claim(futured_future *f, uint64_t lease_usec, futured_reply_cb cb, void *userdata,
    futured_reply **ret);
/* The claim that f keeps: 32 hex digits, NULL when there is none. */
FUTURED_API const char *futured_future_claim_id(futured_future *f);
/* Have f keep a claim that was made elsewhere; NULL: none. 0; -EINVAL for what is none. */
FUTURED_API FUTURED_MUST_CHECK int futured_future_set_claim(futured_future *f, const char *claim);
/* Keep the claim for lease_usec from now. {lease_until_ms} */
FUTURED_API int futured_future_renew(futured_future *f, uint64_t lease_usec, futured_reply_cb cb, void *userdata,
    futured_reply **ret);
/* Say how far it is: JSON text, which all who follow the future are given. {} */
FUTURED_API int futured_future_set_progress(futured_future *f, const char *json, futured_reply_cb cb, void *userdata,
    futured_reply **ret);
/* It succeeded: these bytes are its result. content_type may be NULL. They are copied, and travel in parts where there are
 * many. {state}; -EMSGSIZE for more than the daemon takes. */
FUTURED_API int futured_future_resolve(futured_future *f, const void *data, size_t len, const char *content_type,
    futured_reply_cb cb, void *userdata, futured_reply **ret);

/* How it failed. Initialise with FUTURED_REJECTION_INIT, then set what you need. Copied. */
struct futured_rejection {
	size_t size;           /* of this struct, set by the initialiser */
	const char *kind;      /* what kind of error; NULL: "rejected" */
	const char *message;   /* for people */
	const char *code;      /* for programs */
	const void *details;   /* bytes */
	size_t details_len;
};
#define FUTURED_REJECTION_INIT { sizeof(struct futured_rejection), NULL, NULL, NULL, NULL, 0 }

/* It failed. rejection may be NULL. {state} */
FUTURED_API int futured_future_reject(futured_future *f, const struct futured_rejection *rejection, futured_reply_cb cb,
    void *userdata, futured_reply **ret);

/*
 * For those who write profiles. cb and ret as for futured_call(); neither stores anything.
 */

/* What to look at. Initialise with FUTURED_PROFILE_INIT, then set what you need. Strings are copied. */
struct futured_profile_options {
	size_t size;                 /* of this struct, set by the initialiser */
	const char *profile;         /* the name of one that the daemon has; or */
	const char *text;            /* the JSON text of a profile or spec, right or wrong */
	const char *const *params;   /* values for it: name, value, ..., NULL */
	const char *params_json;     /* or the same as a JSON object, where values are not text */
};
#define FUTURED_PROFILE_INIT { sizeof(struct futured_profile_options), NULL, NULL, NULL, NULL }

/* All that is wrong with it. {problems: [{place, message, line, column}], requests, parameters, rules, ...}, as
 * PROTOCOL.md has it under profile.check. Returns -EINVAL unless one of profile and text is given, and as futured_call(). */
FUTURED_API FUTURED_MUST_CHECK int futured_profile_check(futured *c, const struct futured_profile_options *options,
    futured_reply_cb cb, void *userdata, futured_reply **ret);
/* Have its poll sent once. {requests, response, rules, verdict, ...}, under profile.try; the credential's value is in none
 * of it. The answer takes as long as the service's, up to two minutes; not repeated when the connection is lost. */
FUTURED_API FUTURED_MUST_CHECK int futured_profile_try(futured *c, const struct futured_profile_options *options,
    futured_reply_cb cb, void *userdata, futured_reply **ret);

/* --- events ----------------------------------------------------------------------------------- */

/* Stable: values are never reused. More may come: ignore those you do not know. */
enum futured_event_type {
	FUTURED_EVENT_READY = 0,      /* it stands, seq: the last event so far; again after each reconnection */
	FUTURED_EVENT_CREATED = 1,
	FUTURED_EVENT_CHANGED = 2,    /* another state */
	FUTURED_EVENT_PROGRESS = 3,
	FUTURED_EVENT_FORGOTTEN = 4,
	FUTURED_EVENT_GAP = 5,        /* before READY: some were missed for good, look again with future.list */
	FUTURED_EVENT_END = 6,        /* the last one: refused, or the connection is closed; error says why */
	FUTURED_EVENT_TROUBLE = 7     /* a request to the service failed, and will be tried again */
};

/* Made by the library only, so it may grow at its end. */
struct futured_event {
	enum futured_event_type type;
	int state;                          /* enum futured_state */
	uint64_t seq;                       /* grows from event to event, within one database of the daemon */
	uint64_t at_ms;                     /* milliseconds since the epoch */
	const char *id;                     /* NULL for READY, GAP and END */
	const char *progress;               /* JSON text as the service sent it, or NULL */
	const struct futured_error *error;  /* of a future that failed; of END */
	const char *message;                /* of TROUBLE: what went wrong; NULL when that was over as it was told */
	uint64_t attempts;                  /* with a message: failed in a row */
};

/* The event lives until the callback returns. */
typedef void (*futured_event_cb)(futured_subscription *subscription, const struct futured_event *event, void *userdata);

#define FUTURED_SINCE_NOW UINT64_MAX

/* Initialise with FUTURED_SUBSCRIBE_INIT. */
struct futured_subscribe_options {
	size_t size;                /* of this struct, set by the initialiser */
	const char *const *ids;     /* these futures: id, ..., NULL; at most 16,384 */
	const char *const *labels;  /* or those with all these labels: name, value, ..., NULL; neither: all */
	uint64_t since;             /* first replay what came after this seq; 0: all that the daemon still knows */
};
#define FUTURED_SUBSCRIBE_INIT { sizeof(struct futured_subscribe_options), NULL, NULL, FUTURED_SINCE_NOW }

/*
 * Have a callback called for each event of some futures.
 *   options  may be NULL: everything from now on
 *   cb       required
 *   ret      owned by the caller: futured_subscription_unref() ends the subscription
 * Does not block. Each change of state is told once and in order; progress may be merged for a slow reader. After a
 * reconnection it goes on after the last event that was seen.
 * Returns 0; -EINVAL, -EMSGSIZE, -ENOMEM, -ENOBUFS (a connection has at most 32), -ENOTCONN, -ECHILD.
 */
FUTURED_API FUTURED_MUST_CHECK int futured_subscribe(futured *c, const struct futured_subscribe_options *options,
    futured_event_cb cb, void *userdata, futured_subscription **ret);
FUTURED_API futured_subscription *futured_subscription_ref(futured_subscription *subscription);
FUTURED_API futured_subscription *futured_subscription_unref(futured_subscription *subscription);

#ifdef __cplusplus
}
#endif
#endif
