/*
 * fuzz_message.c - the envelope and every table, on any message that the scanner lets through.
 *
 * `make check` runs it through fuzz_main.c. As a libFuzzer target, from the top of the tree:
 *   clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -I. \
 *     tests/proto/fuzz_message.c proto/[a-z]*.c -lmsgpackc -o fuzz_message
 *   mkdir seeds && BUILD/tests/proto/fuzz_message -x seeds && ./fuzz_message -malloc_limit_mb=64 seeds
 *
 * What must hold: a refusal has its errno and one line of text; what was read, written and read
 * again is the same.
 */
#include "tests/proto/fuzz.h"

#include "proto/message.h"
#include "proto/scan.h"
#include "proto/utf8.h"

#include <errno.h>
#include <string.h>

static const struct scan_limits limits = {
	.bytes = PROTO_MESSAGE_MAX, .depth = PROTO_DEPTH_MAX, .items = PROTO_ITEMS_MAX,
};

/* Room for any struct of message.h. */
union any_struct {
	struct failure_wire failure;
	struct hello_params hello;
	struct create_params create;
	struct id_params id;
	struct result_params result;
	struct wait_params wait;
	struct subscribe_params subscribe;
	struct unsubscribe_params unsubscribe;
	struct list_params list;
	struct extend_params extend;
	struct name_params name;
	struct empty_params empty;
	struct create_reply create_reply;
	struct snapshot snapshot;
	struct result_reply result_reply;
	struct cancel_reply cancel_reply;
	struct event_wire event;
};

static const struct field *const tables[] = {
	failure_fields, hello_params_fields, create_params_fields, id_params_fields, result_params_fields,
	wait_params_fields, subscribe_params_fields, unsubscribe_params_fields, list_params_fields,
	extend_params_fields, name_params_fields, empty_params_fields, create_reply_fields, snapshot_fields,
	result_reply_fields, cancel_reply_fields, event_fields,
};

/* A refusal: its errno belongs to its code, and its text is one line. */
static void check_refusal(int r, const struct error *error)
{
	size_t len = strnlen(error->message, sizeof(error->message));

	FUZZ_CHECK(r == error_errno(error->code));
	FUZZ_CHECK(len > 0 && len < sizeof(error->message));
	FUZZ_CHECK(utf8_valid_len(error->message, len) == len);
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK((unsigned char)error->message[i] >= 0x20 && error->message[i] != 0x7f);
}

/* Unpack what was packed; the scanner must let it through as one message. */
static void unpack(const struct pack *pack, msgpack_unpacked *ret)
{
	struct slice bytes;
	struct scan scan;
	size_t used, offset = 0;

	FUZZ_CHECK(pack_finish(pack, &bytes) == 0);
	scan_init(&scan, &limits);
	FUZZ_CHECK(scan_feed(&scan, bytes.data, bytes.len, &used) == 1 && used == bytes.len);
	FUZZ_CHECK(msgpack_unpack_next(ret, bytes.data, bytes.len, &offset) == MSGPACK_UNPACK_SUCCESS);
}

/* Write, read and write again: the bytes must be the same. */
static void check_round_trip(const struct field *table, const union any_struct *value)
{
	struct slice first_bytes, second_bytes;
	struct pack first, second;
	union any_struct again;
	msgpack_unpacked unpacked;
	struct error error;

	pack_init(&first, 4 * PROTO_MESSAGE_MAX);
	pack_init(&second, 4 * PROTO_MESSAGE_MAX);
	msgpack_unpacked_init(&unpacked);
	fields_write(&first, table, value);
	unpack(&first, &unpacked);
	FUZZ_CHECK(fields_read(&unpacked.data, table, FIELDS_REFUSE_UNKNOWN, &again, &error) == 0);
	fields_write(&second, table, &again);
	FUZZ_CHECK(pack_finish(&first, &first_bytes) == 0 && pack_finish(&second, &second_bytes) == 0);
	FUZZ_CHECK(first_bytes.len == second_bytes.len);
	FUZZ_CHECK(memcmp(first_bytes.data, second_bytes.data, first_bytes.len) == 0);
	fields_done(table, &again);
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&first);
	pack_done(&second);
}

static void check_fields(const msgpack_object *object)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (int unknown = FIELDS_REFUSE_UNKNOWN; unknown <= FIELDS_IGNORE_UNKNOWN; unknown++) {
			union any_struct value;
			struct error error;
			int r = fields_read(object, tables[i], (enum fields_unknown)unknown, &value, &error);

			FUZZ_CHECK(r <= 0);
			if (r < 0) {
				check_refusal(r, &error);
				FUZZ_CHECK(error.code == ERROR_INVALID_ARGUMENT);
				continue;
			}
			check_round_trip(tables[i], &value);
			fields_done(tables[i], &value);
		}
	}
}

/* Any object can be a response's error; what was read can be sent on in both shapes. */
static void check_error(const msgpack_object *object)
{
	for (int shape = ERROR_SHAPE_STRING; shape <= ERROR_SHAPE_MAP; shape++) {
		struct failure_wire failure, failure_again;
		struct error error, again;
		msgpack_unpacked unpacked;
		struct message message;
		struct pack pack;

		message_read_error(object, &error, &failure);
		FUZZ_CHECK(error.code > ERROR_NONE && error.code < ERROR__COUNT);
		pack_init(&pack, 4 * PROTO_MESSAGE_MAX);
		message_write_error(&pack, 7, &error, (enum error_shape)shape, failure.kind.data ? &failure : NULL);
		msgpack_unpacked_init(&unpacked);
		unpack(&pack, &unpacked);
		FUZZ_CHECK(message_read(&unpacked.data, &message, NULL) == 0);
		FUZZ_CHECK(message.type == MESSAGE_RESPONSE && message.id == 7 && message.error && !message.result);
		message_read_error(message.error, &again, &failure_again);
		FUZZ_CHECK(again.code == error.code && strcmp(again.message, error.message) == 0);
		if (shape == ERROR_SHAPE_MAP)
			FUZZ_CHECK(failure_again.kind.len == failure.kind.len);
		msgpack_unpacked_destroy(&unpacked);
		pack_done(&pack);
	}
}

static void check_message(const msgpack_object *object)
{
	struct message message;
	struct error error;
	int r = message_read(object, &message, &error);

	if (r < 0) {
		check_refusal(r, &error);
		FUZZ_CHECK(error.code == ERROR_MALFORMED);
		check_fields(object);
		return;
	}
	if (message.type == MESSAGE_RESPONSE) {
		if (message.error)
			check_error(message.error);
		if (message.result)
			check_fields(message.result);
		return;
	}
	FUZZ_CHECK(message.method.len > 0 && message.params->type == MSGPACK_OBJECT_ARRAY);
	for (uint32_t i = 0; i < message.params->via.array.size && i < 2; i++)
		check_fields(&message.params->via.array.ptr[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	msgpack_unpacked unpacked;
	size_t used, offset = 0;
	struct scan scan;

	scan_init(&scan, &limits);
	if (scan_feed(&scan, data, size, &used) != 1)
		return 0;
	msgpack_unpacked_init(&unpacked);
	FUZZ_CHECK(msgpack_unpack_next(&unpacked, (const char *)data, used, &offset) == MSGPACK_UNPACK_SUCCESS);
	check_message(&unpacked.data);
	msgpack_unpacked_destroy(&unpacked);
	return 0;
}
