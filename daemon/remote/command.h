/* command.h - a helper that prints a credential: one process, without a shell, that may not take long or say much. */
#ifndef REMOTE_COMMAND_H
#define REMOTE_COMMAND_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

#define COMMAND_TIMEOUT_USEC UINT64_C(30000000)
#define COMMAND_OUTPUT_MAX (64 * 1024)
#define COMMAND_WORDS_MAX 32

struct event_base;
struct command;

/* output NULL: it failed, error says how: "exit status 3", "killed by signal 9". Both borrowed for the call, after
 * which the command is gone. */
typedef void (*command_cb)(void *arg, const char *output, size_t len, const struct error *error);

/*
 * Start it.
 *   name    of the credential, for the log: the first line that it writes to standard error is logged as debug
 *   words   separated by blanks, the first an absolute path; nothing is quoted or expanded
 * It gets an empty standard input, HOME, USER, LOGNAME, LANG, TMPDIR and XDG_RUNTIME_DIR of ours, a plain PATH, and
 * KUBERNETES_EXEC_INFO as kubectl's plug-ins have it. It leads a process group of its own, which ends with it.
 * done is never called from within. Returns 0; ERROR_FAILED with the reason; -ENOMEM.
 */
int command_start(struct event_base *base, const char *name, const char *words, uint64_t timeout_usec, command_cb done,
    void *arg, struct command **ret, struct error *error);

/* Kill it; done is not called. Blocks until the kernel has taken it away. NULL is allowed; returns NULL. */
struct command *command_free(struct command *command);

#endif
