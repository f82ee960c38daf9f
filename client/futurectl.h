/* futurectl.h - what the commands of futurectl have in common. */
#ifndef FUTURECTL_H
#define FUTURECTL_H

#include <futured.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes, as the manual page lists them. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_CANCELLED = 3,
	CTL_NOT_FOUND = 4,
	CTL_NOT_PERMITTED = 5,
	CTL_UNREACHABLE = 6,
	CTL_KEY_CONFLICT = 7,
	CTL_TRY_AGAIN = 75,
	CTL_TIMED_OUT = 124,
	CTL_INTERRUPTED = 130,
	CTL_ANSWERED = 256                  /* what was asked for is printed, with 0: --help, --version */
};

/* What ctl_option() returns beside the letters of the command's own options. */
enum ctl_global { CTL_OPTION_SOCKET = 256, CTL_OPTION_JSON, CTL_OPTION_HELP, CTL_OPTION_VERSION };

#define CTL_ID_SIZE 37                      /* an id and its NUL */
#define CTL_PREFIX_MIN 8                    /* characters of an id that is cut short */
#define CTL_CALL_TIMEOUT_USEC 30000000u     /* for an answer that the daemon gives at once */
#define CTL_INPUT_MAX ((size_t)1024 * 1024) /* bytes of a spec */
#define CTL_BYTES_MAX ((size_t)1024 * 1024 * 1024) /* of a result that is read; the daemon has a limit of its own */

/* Global options, and the connection once a command has asked for it. */
struct ctl {
	const char *socket;
	bool json;
	unsigned flags;          /* of the connection */
	futured *connection;
};

struct ctl_command {
	const char *name;
	const char *usage;       /* its arguments */
	const char *summary;     /* one line */
	const char *help;        /* examples first, then the options */
	/* argv[0] is the command's name. An exit code. */
	int (*run)(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
};

int ctl_create(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_wait(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_result(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_get(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_list(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_stats(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_profile(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_profiles(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_watch(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_cancel(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_refresh(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_extend(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_retry(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_forget(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_pause(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_resume(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_pin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_unpin(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_promise(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_timer(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_group(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_claim(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_renew(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_progress(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_resolve(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_reject(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_save(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);
int ctl_open(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);

/* --- futurectl_common.c ----------------------------------------------------------------------- */

/* Say something to the user, on stderr. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say what is wrong with the arguments, and where help is. CTL_USAGE. */
int ctl_usage(const struct ctl_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code for a negative errno of the library. */
int ctl_exit_code(int error);

/* Say why something failed; what may be NULL. The exit code. */
int ctl_fail(const char *what, int error, const struct futured_error *details);

/* Connect, once. 0, or the exit code after saying why not. */
int ctl_connect(struct ctl *ctl);

/* Call a method and wait for its answer. params is released. 0 and *ret, owned by the caller, or the exit code
 * after saying why not; what names it in that message. */
int ctl_call(struct ctl *ctl, const char *what, const char *method, json_t *params, json_t **ret);

/* Wait for the answer to a call that was made with the result r; reply is released. As ctl_call() otherwise. */
int ctl_await(struct ctl *ctl, const char *what, int r, futured_reply *reply, uint64_t timeout_usec, json_t **ret);

/* Read a file of text whole; "-" is standard input. NULL after saying why not. */
char *ctl_read_file(const char *name);

/* The same for any bytes. */
char *ctl_read_bytes(const char *name, size_t *ret_len);

/* The full id of what the user typed. 0, or the exit code after saying why not. */
int ctl_id(struct ctl *ctl, const char *typed, char ret[CTL_ID_SIZE]);

/* Split NAME=VALUE in two, in place. False without a name or '='. */
bool ctl_split(char *text, const char **ret_name, const char **ret_value);

/* Make text, an argument, the value of key in object: what is asked of the daemon must not become more when it cannot be
 * said. name is the option's. 0, or CTL_USAGE after saying that it is no UTF-8. */
int ctl_set_text(const struct ctl_command *command, json_t *object, const char *key, const char *name, const char *text);

/* The same for NAME=VALUE of --label, split in place; each name once. */
int ctl_set_label(const struct ctl_command *command, json_t *labels, char *text);

/* A number, of digits alone. False when it is none, or too large. */
bool ctl_parse_number(const char *text, uint64_t *ret);

/* Print object as one line. Releases it. */
void ctl_print_json(json_t *object);

/* Print bytes from elsewhere on one line of a terminal: control characters become '?'. */
void ctl_print_text(const char *text);

/* The name of a state. */
const char *ctl_state_name(int state);

/* error as a JSON object, NULL for NULL. */
json_t *ctl_error_json(const struct futured_error *error);

/* Bytes as a JSON string where they are UTF-8, else {"base64": "..."}. */
json_t *ctl_bytes_json(const void *data, size_t len);

/* The next option, as getopt_long() has it, of a command that has these; NULL: it has none. The global options are taken
 * wherever they stand among them: people write them where they think of them, and what stands behind an option with an
 * argument is that argument, whatever it looks like. The letter, -1 when all are read, or what ctl_no_option() is for. */
int ctl_option(struct ctl *ctl, int argc, char **argv, const char *shorts, const struct option *options);

/* For what is none of the command's options: print its help if that was asked for. CTL_ANSWERED or CTL_USAGE. */
int ctl_no_option(const struct ctl_command *command, int option);

/* The arguments of a command without options: they are at argv[optind]. 0, or the exit code. */
int ctl_arguments(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv);

/* Nothing more to read after the options: CTL_USAGE if there is, else 0. */
int ctl_no_more(const struct ctl_command *command, int argc, char **argv);

/* --- futurectl_show.c ------------------------------------------------------------------------- */

/* Print the names of the profiles, or the text of one. The exit code. */
int ctl_list_profiles(struct ctl *ctl);
int ctl_show_profile(struct ctl *ctl, const char *name);

/* --- futurectl_time.c ------------------------------------------------------------------------- */

/* Seconds, with a unit (s, m, h, d) if need be, as microseconds. "none" is FUTURED_TIME_NONE where that is
 * allowed. False when it is neither. */
bool ctl_parse_span(const char *text, bool none_allowed, uint64_t *ret);

/* A point in time: HH:MM, the next one; YYYY-MM-DD with HH:MM or HH:MM:SS behind it, in local time or with Z or an offset;
 * @SECONDS since the epoch. Milliseconds since the epoch; false when it is none of these. */
bool ctl_parse_time(const char *text, uint64_t *ret);

/* Local time of milliseconds since the epoch. */
void ctl_format_time(json_int_t ms, char ret[32]);

#endif
