/* command.c - a helper that prints a credential: one process, without a shell, that may not take long or say much. */
#include "config.h"

#include "daemon/remote/command.h"
#include "daemon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPLAINT_MAX 256
#define ENVIRONMENT_MAX 8

struct command {
	char *name;
	pid_t pid;                     /* 0: not started, or taken away */
	struct event *exited, *printed, *complained, *too_long;
	char *output;                  /* COMMAND_OUTPUT_MAX + 1 bytes */
	size_t len;
	char complaint[COMPLAINT_MAX];
	size_t complaint_len;
	const char *killed;            /* why we killed it */
	command_cb done;
	void *arg;
};

/* --- the process ---------------------------------------------------------------------------------- */

/* Split words in place; ends with NULL. */
static int split(char *words, char *ret[COMMAND_WORDS_MAX + 1], struct error *error)
{
	char *rest = words, *word;
	size_t n = 0;

	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		if (n == COMMAND_WORDS_MAX)
			return error_set(error, ERROR_INVALID_SPEC, "the command has more than %d words", COMMAND_WORDS_MAX);
		ret[n++] = word;
	}
	ret[n] = NULL;
	if (n == 0 || ret[0][0] != '/')
		return error_set(error, ERROR_INVALID_SPEC, "the command is not an absolute path");
	return 0;
}

static int make_environment(char *ret[ENVIRONMENT_MAX + 1])
{
	static const char *const passed[] = { "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR" };
	const char *value;
	size_t i, n = 0;

	ret[n++] = strdup("PATH=/usr/local/bin:/usr/bin:/bin");
	ret[n++] = strdup("KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":"
	    "\"client.authentication.k8s.io/v1\",\"spec\":{\"interactive\":false}}");
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		value = getenv(passed[i]);
		if (!value)
			continue;
		if (asprintf(&ret[n], "%s=%s", passed[i], value) < 0) {
			ret[n] = NULL;
			return -ENOMEM;
		}
		n++;
	}
	return ret[0] && ret[1] ? 0 : -ENOMEM;
}

/* Nothing of ours but the three descriptors, no signal ignored or blocked, a process group of its own. */
static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int out, int err)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#endif
	if (r == 0)
		r = posix_spawnattr_setflags(attributes,
		    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attributes, 0);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	return r;
}

/* 0 or an errno. */
static int spawn(char *const *words, int out, int err, pid_t *ret)
{
	char *environment[ENVIRONMENT_MAX + 1] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	int r;

	if (make_environment(environment) < 0) {
		r = ENOMEM;
		goto out;
	}
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		goto out;
	r = posix_spawnattr_init(&attributes);
	if (r == 0) {
		r = prepare(&actions, &attributes, out, err);
		if (r == 0)
			r = posix_spawn(&pid, words[0], &actions, &attributes, words, environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		*ret = pid;
out:
	for (size_t i = 0; i < ENVIRONMENT_MAX; i++)
		free(environment[i]);
	return r;
}

/* It, and whatever it has started, as long as the pid is its own: before it is waited for. */
static void kill_group(const struct command *command)
{
	kill(-command->pid, SIGKILL);
	kill(command->pid, SIGKILL);
}

static void command_kill(struct command *command, const char *why)
{
	if (!command->killed)
		command->killed = why;
	kill_group(command);
}

/* --- its output ----------------------------------------------------------------------------------- */

/* What is there, into buffer, up to size; what is more is dropped. False at the end, or when there is nothing now. */
static bool read_some(int fd, char *buffer, size_t *len, size_t size)
{
	char waste[4096];
	bool full = *len >= size;
	ssize_t n;

	do
		n = read(fd, full ? waste : buffer + *len, full ? sizeof(waste) : size - *len);
	while (n < 0 && errno == EINTR);
	if (n > 0 && !full)
		*len += (size_t)n;
	if (n > 0 && full)
		explicit_bzero(waste, (size_t)n);
	return n > 0;
}

static void on_printed(evutil_socket_t fd, short what, void *arg)
{
	struct command *command = arg;

	if (!read_some(fd, command->output, &command->len, COMMAND_OUTPUT_MAX + 1))
		event_del(command->printed);
	else if (command->len > COMMAND_OUTPUT_MAX)
		command_kill(command, "more than 64 KiB of output");
}

static void on_complained(evutil_socket_t fd, short what, void *arg)
{
	struct command *command = arg;

	if (!read_some(fd, command->complaint, &command->complaint_len, COMPLAINT_MAX - 1))
		event_del(command->complained);
}

static void on_too_long(evutil_socket_t fd, short what, void *arg)
{
	command_kill(arg, "not done in time");
}

/* --- its end -------------------------------------------------------------------------------------- */

static void drain(struct command *command)
{
	while (command->len <= COMMAND_OUTPUT_MAX &&
	    read_some(event_get_fd(command->printed), command->output, &command->len, COMMAND_OUTPUT_MAX + 1))
		;
	while (command->complaint_len < COMPLAINT_MAX - 1 && read_some(event_get_fd(command->complained),
	    command->complaint, &command->complaint_len, COMPLAINT_MAX - 1))
		;
	if (command->len > COMMAND_OUTPUT_MAX && !command->killed)
		command->killed = "more than 64 KiB of output";
	command->complaint[strcspn(command->complaint, "\r\n")] = '\0';
	if (command->complaint[0])
		log_debug("credential %s: its command says: %s", command->name, command->complaint);
}

static void tell(struct command *command, int status)
{
	struct error error = { 0 };

	if (command->killed)
		error_set(&error, ERROR_FAILED, "%s", command->killed);
	else if (WIFSIGNALED(status))
		error_set(&error, ERROR_FAILED, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		error_set(&error, ERROR_FAILED, "exit status %d", WEXITSTATUS(status));
	command->done(command->arg, error.code ? NULL : command->output, command->len, &error);
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct command *command = arg;
	int status = 0;

	/* before it is waited for: the number may belong to another after that */
	kill_group(command);
	while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR)
		;
	command->pid = 0;
	drain(command);
	tell(command, status);
	command_free(command);
}

/* --- start ---------------------------------------------------------------------------------------- */

/* An event for a descriptor, which it owns then. */
static int watch(struct event_base *base, int *fd, event_callback_fn call, struct command *command, struct event **ret)
{
	*ret = event_new(base, *fd, EV_READ | EV_PERSIST, call, command);
	if (!*ret)
		return -ENOMEM;
	*fd = -1;
	return event_add(*ret, NULL) < 0 ? -ENOMEM : 0;
}

static struct event *unwatch(struct event *event)
{
	if (!event)
		return NULL;
	if (event_get_fd(event) >= 0)
		close(event_get_fd(event));
	event_free(event);
	return NULL;
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int run(struct command *command, struct event_base *base, char *const *words, uint64_t timeout_usec,
    struct error *error)
{
	struct timeval limit = { .tv_sec = (time_t)(timeout_usec / 1000000), .tv_usec = (suseconds_t)(timeout_usec % 1000000) };
	int fds[5] = { -1, -1, -1, -1, -1 };   /* its output, its complaints, itself */
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0 || pipe2(fds + 2, O_CLOEXEC) < 0 ||
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(fds[2], F_SETFL, O_NONBLOCK) < 0)
		r = errno;
	else
		r = spawn(words, fds[1], fds[3], &command->pid);
	if (r == 0) {
		fds[4] = (int)syscall(SYS_pidfd_open, command->pid, 0);
		r = fds[4] < 0 ? errno : 0;
	}
	if (r != 0) {
		r = error_set(error, ERROR_FAILED, "%s cannot be started: %s", words[0], strerror(r));
		goto out;
	}
	r = watch(base, &fds[0], on_printed, command, &command->printed);
	if (r == 0)
		r = watch(base, &fds[2], on_complained, command, &command->complained);
	if (r == 0)
		r = watch(base, &fds[4], on_exited, command, &command->exited);
	command->too_long = evtimer_new(base, on_too_long, command);
	if (r < 0 || !command->too_long || evtimer_add(command->too_long, &limit) < 0)
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a command");
out:
	close_all(fds, sizeof(fds) / sizeof(fds[0]));
	return r;
}

int command_start(struct event_base *base, const char *name, const char *words, uint64_t timeout_usec, command_cb done,
    void *arg, struct command **ret, struct error *error)
{
	struct command *command = calloc(1, sizeof(*command));
	char *copy = strdup(words), *split_words[COMMAND_WORDS_MAX + 1];
	int r;

	if (command) {
		command->done = done;
		command->arg = arg;
		command->name = strdup(name);
		command->output = malloc(COMMAND_OUTPUT_MAX + 1);
	}
	if (!copy || !command || !command->name || !command->output)
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a command");
	else
		r = split(copy, split_words, error);
	if (r == 0)
		r = run(command, base, split_words, timeout_usec, error);
	free(copy);
	if (r < 0) {
		command_free(command);
		return r;
	}
	*ret = command;
	return 0;
}

struct command *command_free(struct command *command)
{
	if (!command)
		return NULL;
	if (command->pid > 0) {
		kill_group(command);
		while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	unwatch(command->exited);
	unwatch(command->printed);
	unwatch(command->complained);
	if (command->too_long)
		event_free(command->too_long);
	if (command->output) {
		explicit_bzero(command->output, command->len);
		free(command->output);
	}
	free(command->name);
	free(command);
	return NULL;
}
