/* futurectl_wait.c - futurectl wait and futurectl result. */
#include "config.h"

#include "client/futurectl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wait_args {
	uint64_t timeout_usec;
	enum futured_wait_mode mode;
	const char *output;
	bool as_completed;
};

static int wait_parse(struct ctl *ctl, const struct ctl_command *command, struct wait_args *args, const char *shorts,
    const struct option *options, int argc, char **argv)
{
	int option;

	args->timeout_usec = FUTURED_TIME_NONE;
	while ((option = ctl_option(ctl, argc, argv, shorts, options)) != -1) {
		switch (option) {
		case 'a':
			args->mode = FUTURED_FIRST_COMPLETED;
			break;
		case 'e':
			args->mode = FUTURED_FIRST_EXCEPTION;
			break;
		case 'c':
			args->as_completed = true;
			break;
		case 'o':
			args->output = optarg;
			break;
		case 't':
			if (!ctl_parse_span(optarg, true, &args->timeout_usec))
				return ctl_usage(command, "--timeout: expected a time such as 90 or 10m, got \"%s\"",
				    optarg);
			break;
		default:
			return ctl_no_option(command, option);
		}
	}
	return optind < argc ? 0 : ctl_usage(command, "an id is missing");
}

struct wait_run {
	struct ctl *ctl;
	json_t *told;     /* the ids that were printed, as keys */
};

/* Print what became of a future, as it ends. */
static void wait_on_done(futured_future *future, void *userdata)
{
	const struct futured_error *error = futured_future_error(future);
	const char *state = ctl_state_name(futured_future_state(future));
	struct ctl *ctl = ((struct wait_run *)userdata)->ctl;
	int outcome = futured_future_result(future, NULL, NULL);

	if (outcome == -ETIMEDOUT)
		return;
	if (futured_future_state(future) < FUTURED_SUCCEEDED) {
		ctl_fail(futured_future_id(future), outcome, error);
		return;
	}
	if (ctl->json) {
		ctl_print_json(json_pack("{s:s, s:s, s:o*}", "id", futured_future_id(future), "state", state,
		    "error", ctl_error_json(error)));
		return;
	}
	printf("%s %s\n", futured_future_id(future), state);
	fflush(stdout);
	if (error)
		ctl_fail(futured_future_id(future), outcome, error);
}

/* For another program: only its id, each once, and also that of one which is no more. */
static void wait_on_completed(futured_future *future, void *userdata)
{
	struct wait_run *run = userdata;

	if (json_object_get(run->told, futured_future_id(future)))
		return;
	json_object_set_new(run->told, futured_future_id(future), json_true());
	if (run->ctl->json || futured_future_result(future, NULL, NULL) == -ETIMEDOUT) {
		wait_on_done(future, userdata);
		return;
	}
	puts(futured_future_id(future));
	fflush(stdout);
}

/* The exit code for one future that is over. */
static int wait_code(futured_future *future)
{
	int r = futured_future_result(future, NULL, NULL);

	return r == -ENODATA ? CTL_OK : ctl_exit_code(r);
}

/* What the whole wait amounts to: the first that did not succeed, in the order they were given. One that is not over stands in
 * the way of those waits only that are for it: with --any, and when one has failed with --first-exception, it does not. */
static int wait_judge(futured_future **futures, size_t n, enum futured_wait_mode mode)
{
	bool over = false, failed = false, pending = false;
	int code, first = CTL_OK;

	for (size_t i = 0; i < n; i++) {
		code = futured_future_is_done(futures[i]) ? wait_code(futures[i]) : CTL_TIMED_OUT;
		if (code == CTL_TIMED_OUT) {
			pending = true;
			continue;
		}
		over = true;
		failed = failed || (code != CTL_OK && code != CTL_CANCELLED);
		first = first ? first : code;
	}
	if (!pending || (mode == FUTURED_FIRST_COMPLETED && over) || (mode == FUTURED_FIRST_EXCEPTION && failed))
		return first;
	return CTL_TIMED_OUT;
}

static int wait_attach(struct ctl *ctl, const char *typed, unsigned flags, futured_cb cb, void *userdata,
    futured_future **ret)
{
	char id[CTL_ID_SIZE];
	int code, r;

	code = ctl_connect(ctl);
	if (code == 0)
		code = ctl_id(ctl, typed, id);
	if (code)
		return code;
	r = futured_attach(ctl->connection, id, flags, cb, userdata, ret);
	return r < 0 ? ctl_fail(typed, r, NULL) : 0;
}

int ctl_wait(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "any", no_argument, NULL, 'a' },
		{ "first-exception", no_argument, NULL, 'e' },
		{ "as-completed", no_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct wait_args args = { .mode = FUTURED_ALL_COMPLETED };
	unsigned flags = FUTURED_NO_RESULT;
	struct wait_run run = { .ctl = ctl };
	enum futured_wait_mode mode;
	futured_future **futures;
	size_t n = 0, count;
	int r, code;

	code = wait_parse(ctl, command, &args, "t:", options, argc, argv);
	if (code)
		return code;
	mode = args.mode;
	count = (size_t)(argc - optind);
	futures = calloc(count, sizeof(*futures));
	run.told = json_object();
	if (!futures || !run.told) {
		code = ctl_fail(NULL, -ENOMEM, NULL);
		goto out;
	}
	if (args.timeout_usec == 0) {
		flags |= FUTURED_LOOK_ONCE;
		mode = FUTURED_ALL_COMPLETED;
		args.timeout_usec = CTL_CALL_TIMEOUT_USEC;
	}
	while (code == 0 && n < count) {
		code = wait_attach(ctl, argv[optind + (int)n], flags, args.as_completed ? wait_on_completed : wait_on_done,
		    &run, &futures[n]);
		n += code == 0;
	}
	if (code == 0) {
		r = futured_wait(ctl->connection, futures, n, mode, args.timeout_usec);
		if (r < 0)
			code = ctl_fail(NULL, r, NULL);
		else
			code = r == 0 ? CTL_TIMED_OUT : wait_judge(futures, n, args.mode);
	}
out:
	while (n > 0)
		futured_future_unref(futures[--n]);
	free(futures);
	json_decref(run.told);
	return code;
}

/* Into what is there and is no file: a device, a pipe. */
static int wait_write_into(const char *name, const void *data, size_t len)
{
	FILE *file = fopen(name, "we");
	int r = 0;

	if (!file)
		return -errno;
	errno = 0;
	if (fwrite(data, 1, len, file) < len)
		r = errno ? -errno : -EIO;
	if (fclose(file) != 0 && r == 0)
		r = -errno;
	return r;
}

/* Write all or nothing: into a new file beside it, then over it. */
static int wait_replace_file(const char *name, const void *data, size_t len)
{
	char temporary[PATH_MAX];
	mode_t mask = umask(0);
	sigset_t interrupt;
	FILE *file;
	int fd, r = 0;

	umask(mask);
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", name) >= sizeof(temporary))
		return -ENAMETOOLONG;
	sigprocmask(SIG_BLOCK, &interrupt, NULL);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	errno = 0;
	if (!file || fwrite(data, 1, len, file) < len || fflush(file) != 0 || fchmod(fd, 0666 & ~mask) < 0 ||
	    fsync(fd) < 0)
		r = errno ? -errno : -EIO;
	if (file)
		fclose(file);
	else
		close(fd);
	if (r == 0 && rename(temporary, name) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
	return r;
}

/* Among what is printed. */
static int wait_write_out(const void *data, size_t len)
{
	int r = 0;

	errno = 0;
	if (fwrite(data, 1, len, stdout) < len || fflush(stdout) != 0)
		r = errno ? -errno : -EIO;
	/* It is said here, and not once more at the end. */
	if (r < 0)
		clearerr(stdout);
	return r;
}

/* What a link stands for is written, not the link. Standard output by another name is not there for this result alone. */
static int wait_write_file(const char *name, const void *data, size_t len)
{
	struct stat status, out;
	char *real;
	int r;

	if (stat(name, &status) < 0)
		return wait_replace_file(name, data, len);
	if (fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == status.st_dev && out.st_ino == status.st_ino)
		return wait_write_out(data, len);
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return wait_write_into(name, data, len);
	real = realpath(name, NULL);
	if (!real)
		return -errno;
	r = wait_replace_file(real, data, len);
	free(real);
	return r;
}

static int wait_print_result(struct ctl *ctl, futured_future *future, const char *output)
{
	const void *data = NULL;
	size_t len = 0;
	int r = futured_future_result(future, &data, &len);

	if (r < 0)
		return ctl_fail(futured_future_id(future), r, futured_future_error(future));
	if (output) {
		r = wait_write_file(output, data, len);
		if (r < 0) {
			ctl_say("%s: %s", output, strerror(-r));
			return CTL_FAILED;
		}
	}
	if (ctl->json)
		ctl_print_json(json_pack("{s:s, s:s, s:s*, s:I, s:o*}", "id", futured_future_id(future),
		    "state", "succeeded", "content_type", futured_future_content_type(future), "size", (json_int_t)len,
		    "result", output ? NULL : ctl_bytes_json(data, len)));
	else if (!output && len > 0)
		fwrite(data, 1, len, stdout);
	return CTL_OK;
}

int ctl_result(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct wait_args args = { .output = NULL };
	futured_future *future = NULL;
	unsigned flags = 0;
	int r, code;

	code = wait_parse(ctl, command, &args, "o:t:", options, argc, argv);
	if (code == 0)
		code = ctl_no_more(command, argc - optind - 1, argv + optind + 1);
	if (code)
		return code;
	if (args.timeout_usec == 0) {
		flags = FUTURED_LOOK_ONCE;
		args.timeout_usec = CTL_CALL_TIMEOUT_USEC;
	}
	code = wait_attach(ctl, argv[optind], flags, NULL, NULL, &future);
	if (code)
		return code;
	r = futured_future_wait(future, args.timeout_usec);
	if (r > 0) {
		code = wait_print_result(ctl, future, args.output);
	} else if (r == 0) {
		ctl_say("%s: not done yet", futured_future_id(future));
		code = CTL_TIMED_OUT;
	} else {
		code = ctl_fail(NULL, r, NULL);
	}
	futured_future_unref(future);
	return code;
}
