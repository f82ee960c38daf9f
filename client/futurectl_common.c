/* futurectl_common.c - connecting, calling, and saying what happened. */
#include "client/futurectl.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CTL_OPTIONS_MAX 32   /* of one command */

static void __attribute__((format(printf, 1, 0))) ctl_vsay(const char *format, va_list args)
{
	fflush(stdout);
	fputs("futurectl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void ctl_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ctl_vsay(format, args);
	va_end(args);
}

int ctl_usage(const struct ctl_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ctl_vsay(format, args);
	va_end(args);
	fprintf(stderr, "Usage: futurectl %s %s\nTry 'futurectl %s --help'.\n", command->name, command->usage,
	    command->name);
	return CTL_USAGE;
}

int ctl_option(struct ctl *ctl, int argc, char **argv, const char *shorts, const struct option *options)
{
	static const struct option globals[] = {
		{ "socket", required_argument, NULL, CTL_OPTION_SOCKET },
		{ "json", no_argument, NULL, CTL_OPTION_JSON },
		{ "help", no_argument, NULL, CTL_OPTION_HELP },
		{ "version", no_argument, NULL, CTL_OPTION_VERSION },
	};
	struct option all[CTL_OPTIONS_MAX + sizeof(globals) / sizeof(globals[0]) + 1];
	char letters[CTL_OPTIONS_MAX];
	size_t n = 0;
	int option;

	for (; options && options[n].name; n++) {
		assert(n < CTL_OPTIONS_MAX);
		all[n] = options[n];
	}
	memcpy(all + n, globals, sizeof(globals));
	memset(all + n + sizeof(globals) / sizeof(globals[0]), 0, sizeof(all[0]));
	snprintf(letters, sizeof(letters), "%sh", shorts);
	while ((option = getopt_long(argc, argv, letters, all, NULL)) == CTL_OPTION_SOCKET || option == CTL_OPTION_JSON) {
		if (option == CTL_OPTION_SOCKET)
			ctl->socket = optarg;
		else
			ctl->json = true;
	}
	if (option == CTL_OPTION_VERSION)
		printf("futurectl %s\n", futured_version());
	return option == 'h' ? CTL_OPTION_HELP : option;
}

int ctl_no_option(const struct ctl_command *command, int option)
{
	if (option == CTL_OPTION_HELP)
		printf("Usage: futurectl %s %s\n\n%s", command->name, command->usage, command->help);
	if (option == CTL_OPTION_HELP || option == CTL_OPTION_VERSION)
		return CTL_ANSWERED;
	return ctl_usage(command, "see above");
}

int ctl_arguments(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	int option = ctl_option(ctl, argc, argv, "", NULL);

	return option == -1 ? 0 : ctl_no_option(command, option);
}

int ctl_no_more(const struct ctl_command *command, int argc, char **argv)
{
	return argc > 0 ? ctl_usage(command, "unexpected argument \"%s\"", argv[0]) : 0;
}

int ctl_exit_code(int error)
{
	switch (-error) {
	case 0:
		return CTL_OK;
	case ECANCELED:
		return CTL_CANCELLED;
	case ENOENT:
		return CTL_NOT_FOUND;
	case EACCES:
		return CTL_NOT_PERMITTED;
	case EEXIST:
		return CTL_KEY_CONFLICT;
	case ETIMEDOUT:
		return CTL_TIMED_OUT;
	case EINTR:
		return CTL_INTERRUPTED;
	case EINVAL:
	case ENOEXEC:
	case ENOSYS:
	case EMSGSIZE:
		return CTL_USAGE;
	case ENOTCONN:
	case ECONNABORTED:
	case EBADMSG:
		return CTL_UNREACHABLE;
	case ECONNRESET:
	case EDQUOT:
	case ENOBUFS:
	case ENOMEM:
	case ENOSPC:
	case ESHUTDOWN:
	case EIO:
		return CTL_TRY_AGAIN;
	default:
		return CTL_FAILED;
	}
}

/* Bytes from elsewhere, without those that a terminal would act on: control characters of ASCII, and U+0080 to U+009F. */
static void ctl_put_text(const char *text, FILE *file)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		bool wide = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;

		putc(wide || *at < 0x20 || *at == 0x7f ? '?' : *at, file);
		at += wide;
	}
}

int ctl_fail(const char *what, int error, const struct futured_error *details)
{
	const char *message = details ? details->message : strerror(-error);

	fflush(stdout);
	fputs("futurectl: ", stderr);
	if (what && !strstr(message, what))
		fprintf(stderr, "%s: ", what);
	if (details && details->kind)
		fprintf(stderr, "%s: ", details->kind);
	ctl_put_text(message, stderr);
	if (details && details->remote_code) {
		fputs(" (code ", stderr);
		ctl_put_text(details->remote_code, stderr);
		putc(')', stderr);
	}
	if (details && details->http_status)
		fprintf(stderr, " (HTTP %u)", details->http_status);
	fputc('\n', stderr);
	return ctl_exit_code(error);
}

int ctl_connect(struct ctl *ctl)
{
	struct futured_options options = FUTURED_OPTIONS_INIT;
	const char *socket = ctl->socket ? ctl->socket : getenv("FUTURED_SOCKET");
	int r;

	if (ctl->connection)
		return 0;
	options.client = "futurectl";
	options.flags = ctl->flags;
	r = futured_open(ctl->socket, &options, &ctl->connection);
	if (r == 0)
		return 0;
	ctl_say("cannot reach the daemon%s%s: %s", socket ? " at " : "", socket ? socket : "",
	    r == -EPERM ? "somebody else's process listens there" : strerror(-r));
	if (r == -ENOENT || r == -ECONNREFUSED)
		ctl_say("start it with 'systemctl --user start futured', or name its socket with --socket");
	return r == -EACCES ? CTL_NOT_PERMITTED : CTL_UNREACHABLE;
}

/* Take the answer apart once it is there. */
static int ctl_take_reply(const char *what, futured_reply *reply, json_t **ret)
{
	const char *text = futured_reply_json(reply);
	json_error_t error;
	json_t *object;
	int r = futured_reply_status(reply);

	if (r < 0)
		return ctl_fail(what, r, futured_reply_error(reply));
	object = json_loads(text ? text : "{}", JSON_ALLOW_NUL, &error);
	if (!object) {
		ctl_say("the daemon's answer cannot be read: %s", error.text);
		return CTL_UNREACHABLE;
	}
	*ret = object;
	return 0;
}

int ctl_await(struct ctl *ctl, const char *what, int r, futured_reply *reply, uint64_t timeout_usec, json_t **ret)
{
	int code;

	if (r == 0)
		r = futured_reply_wait(reply, timeout_usec);
	if (r == 0) {
		ctl_say("no answer from the daemon at %s", futured_socket_path(ctl->connection));
		code = CTL_UNREACHABLE;
	} else if (r < 0) {
		code = ctl_fail(what, r, NULL);
	} else {
		code = ctl_take_reply(what, reply, ret);
	}
	futured_reply_unref(reply);
	return code;
}

int ctl_call(struct ctl *ctl, const char *what, const char *method, json_t *params, json_t **ret)
{
	futured_reply *reply = NULL;
	char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
	int r, code;

	code = ctl_connect(ctl);
	if (code == 0) {
		r = params && !text ? -ENOMEM : futured_call(ctl->connection, method, text, NULL, NULL, &reply);
		code = ctl_await(ctl, what, r, reply, CTL_CALL_TIMEOUT_USEC, ret);
	}
	free(text);
	json_decref(params);
	return code;
}

/* All of file, up to max bytes, and a NUL. NULL and errno: EFBIG when there is more. */
static char *ctl_read_stream(FILE *file, size_t max, size_t *ret_len)
{
	size_t len = 0, room = 0;
	char *data = NULL, *grown;

	errno = 0;
	do {
		if (len + 1 >= room) {
			room = room ? room * 2 : 4096;
			grown = realloc(data, room);
			if (!grown)
				goto fail;
			data = grown;
		}
		len += fread(data + len, 1, room - len - 1, file);
	} while (len <= max && !feof(file) && !ferror(file));
	if (len > max)
		errno = EFBIG;
	if (len > max || ferror(file))
		goto fail;
	data[len] = '\0';
	*ret_len = len;
	return data;

fail:
	free(data);
	return NULL;
}

static char *ctl_read(const char *name, size_t max, size_t *ret_len)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char *data = file ? ctl_read_stream(file, max, ret_len) : NULL;

	if (!data && errno == EFBIG)
		ctl_say("%s: more than %zu bytes", name, max);
	else if (!data)
		ctl_say("%s: %s", name, strerror(errno));
	if (file && file != stdin)
		fclose(file);
	return data;
}

char *ctl_read_file(const char *name)
{
	size_t len;
	char *text = ctl_read(name, CTL_INPUT_MAX, &len);

	if (!text || strlen(text) == len)
		return text;
	ctl_say("%s: not text", name);
	free(text);
	return NULL;
}

char *ctl_read_bytes(const char *name, size_t *ret_len)
{
	return ctl_read(name, CTL_BYTES_MAX, ret_len);
}

/* Which futures' ids begin with what was typed. */
static int ctl_id_prefix(struct ctl *ctl, const char *typed, char ret[CTL_ID_SIZE])
{
	const char *first = NULL, *second = NULL;
	json_t *reply, *futures;
	int code;

	code = ctl_call(ctl, typed, "future.list", json_pack("{s:s, s:i}", "prefix", typed, "limit", 2), &reply);
	if (code)
		return code;
	futures = json_object_get(reply, "futures");
	first = json_string_value(json_object_get(json_array_get(futures, 0), "id"));
	second = json_string_value(json_object_get(json_array_get(futures, 1), "id"));
	if (second) {
		ctl_say("\"%s\" is the beginning of more than one id:\n  %s\n  %s", typed, first, second);
		code = CTL_USAGE;
	} else if (!first || strlen(first) != CTL_ID_SIZE - 1) {
		ctl_say("%s: no such future", typed);
		code = CTL_NOT_FOUND;
	} else {
		memcpy(ret, first, CTL_ID_SIZE);
	}
	json_decref(reply);
	return code;
}

int ctl_id(struct ctl *ctl, const char *typed, char ret[CTL_ID_SIZE])
{
	size_t len = strlen(typed);

	if (len < CTL_PREFIX_MIN || len >= CTL_ID_SIZE || strspn(typed, "0123456789abcdefABCDEF-") < len) {
		ctl_say("\"%s\" is not an id: that has 36 characters, of which the first %d or more may be given",
		    typed, CTL_PREFIX_MIN);
		return CTL_USAGE;
	}
	if (len < CTL_ID_SIZE - 1)
		return ctl_id_prefix(ctl, typed, ret);
	memcpy(ret, typed, CTL_ID_SIZE);
	return 0;
}

bool ctl_split(char *text, const char **ret_name, const char **ret_value)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return false;
	*equals = '\0';
	*ret_name = text;
	*ret_value = equals + 1;
	return true;
}

bool ctl_parse_number(const char *text, uint64_t *ret)
{
	unsigned long long number;

	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno || !*text || text[strspn(text, "0123456789")])
		return false;
	*ret = number;
	return true;
}

int ctl_set_text(const struct ctl_command *command, json_t *object, const char *key, const char *name, const char *text)
{
	if (json_object_set_new(object, key, json_string(text)) == 0)
		return 0;
	return ctl_usage(command, "%s: \"%s\" is not UTF-8", name, text);
}

int ctl_set_label(const struct ctl_command *command, json_t *labels, char *text)
{
	const char *name, *value;

	if (!ctl_split(text, &name, &value))
		return ctl_usage(command, "--label: \"%s\" is not NAME=VALUE", text);
	if (json_object_get(labels, name))
		return ctl_usage(command, "--label: %s: given twice", name);
	return ctl_set_text(command, labels, name, "--label", value);
}

void ctl_print_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

void ctl_print_text(const char *text)
{
	ctl_put_text(text, stdout);
}

const char *ctl_state_name(int state)
{
	static const char *const names[] = { "pending", "running", "succeeded", "failed", "cancelled" };

	return state >= 0 && state < 5 ? names[state] : "unknown";
}

json_t *ctl_error_json(const struct futured_error *error)
{
	json_t *object;

	if (!error)
		return NULL;
	object = json_pack("{s:s*, s:s*, s:s, s:s*}", "name", error->name, "kind", error->kind,
	    "message", error->message, "code", error->remote_code);
	if (error->http_status)
		json_object_set_new(object, "http_status", json_integer(error->http_status));
	if (error->attempts)
		json_object_set_new(object, "attempts", json_integer((json_int_t)error->attempts));
	if (error->details_len)
		json_object_set_new(object, "details", ctl_bytes_json(error->details, error->details_len));
	return object;
}

json_t *ctl_bytes_json(const void *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	json_t *string = json_stringn(data, len);
	const unsigned char *from = data;
	char *text, *to;

	if (string)
		return string;
	text = to = malloc((len + 2) / 3 * 4 + 1);
	if (!text)
		return json_null();
	for (size_t i = 0; i < len; i += 3) {
		unsigned second = i + 1 < len ? from[i + 1] : 0, third = i + 2 < len ? from[i + 2] : 0;
		unsigned group = (unsigned)from[i] << 16 | second << 8 | third;

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[group & 63] : '=';
	}
	string = json_pack("{s:s#}", "base64", text, (int)(to - text));
	free(text);
	return string;
}
