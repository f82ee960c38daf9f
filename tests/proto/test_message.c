/* test_message.c - envelopes good and bad, errors in both shapes, and every table both ways. */
#include "proto/message.h"

#include "tests/proto/corpus.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pack pack;
static msgpack_unpacked unpacked;

static void setup(void)
{
	pack_init(&pack, PROTO_MESSAGE_MAX);
	msgpack_unpacked_init(&unpacked);
}

static void teardown(void)
{
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&pack);
}

static const msgpack_object *unpack_bytes(const void *bytes, size_t len)
{
	size_t offset = 0;

	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes, len, &offset), MSGPACK_UNPACK_SUCCESS);
	ck_assert_uint_eq(offset, len);
	return &unpacked.data;
}

/* What is in pack, as an object. It borrows from pack. */
static const msgpack_object *unpack(void)
{
	struct slice bytes;

	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	return unpack_bytes(bytes.data, bytes.len);
}

static void assert_slice(struct slice slice, const char *expected)
{
	ck_assert_msg(slice_equals(slice, expected), "\"%.*s\" is not \"%s\"", (int)slice.len, slice.data, expected);
}

/* The value of a map's key; fails the test without it. */
static const msgpack_object *value_of(const msgpack_object *map, const char *key)
{
	ck_assert_int_eq(map->type, MSGPACK_OBJECT_MAP);
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		struct slice name = { 0 };

		fields_bytes(&map->via.map.ptr[i].key, &name);
		if (slice_equals(name, key))
			return &map->via.map.ptr[i].val;
	}
	ck_abort_msg("no key %s", key);
	return NULL;
}

START_TEST(corpus_of_envelopes)
{
	size_t count;
	struct frame *frames = corpus_read(CORPUS_DIR "/message", &count);

	for (size_t i = 0; i < count; i++) {
		const msgpack_object *object = unpack_bytes(frames[i].bytes, frames[i].len);
		struct message message;
		struct error error = { 0 };
		int r = message_read(object, &message, &error);

		ck_assert_msg(r == (frames[i].name[0] == 'y' ? 0 : -EBADMSG), "%s: %d %s", frames[i].name, r, error.message);
		ck_assert_msg(strcmp(error.message, frames[i].reason) == 0, "%s: \"%s\"", frames[i].name, error.message);
	}
	corpus_free(frames, count);
}
END_TEST

START_TEST(request_both_ways)
{
	struct message message;

	message_write_request(&pack, 0xffffffff, "future.get");
	pack_map(&pack, 0);
	ck_assert_int_eq(message_read(unpack(), &message, NULL), 0);
	ck_assert_int_eq(message.type, MESSAGE_REQUEST);
	ck_assert_uint_eq(message.id, 0xffffffff);
	assert_slice(message.method, "future.get");
	ck_assert_uint_eq(message.params->via.array.size, 1);
	ck_assert_int_eq(message.params->via.array.ptr[0].type, MSGPACK_OBJECT_MAP);
	ck_assert_ptr_null(message.error);
	ck_assert_ptr_null(message.result);
}
END_TEST

START_TEST(response_both_ways)
{
	struct message message;

	message_write_response(&pack, 9);
	pack_u64(&pack, 5);
	ck_assert_int_eq(message_read(unpack(), &message, NULL), 0);
	ck_assert_int_eq(message.type, MESSAGE_RESPONSE);
	ck_assert_uint_eq(message.id, 9);
	ck_assert_ptr_null(message.error);
	ck_assert_uint_eq(message.result->via.u64, 5);
	ck_assert_ptr_null(message.params);
}
END_TEST

START_TEST(notification_both_ways)
{
	struct message message;

	message_write_notification(&pack, slice_from_str("future.changed"), 2);
	pack_u64(&pack, 1);
	pack_u64(&pack, 2);
	ck_assert_int_eq(message_read(unpack(), &message, NULL), 0);
	ck_assert_int_eq(message.type, MESSAGE_NOTIFICATION);
	assert_slice(message.method, "future.changed");
	ck_assert_uint_eq(message.params->via.array.size, 2);
}
END_TEST

START_TEST(id_of_a_bad_request_can_be_answered)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum message_type type;
		uint32_t id;
	} cases[] = {
		{ "\x93\x00\x07\xa1x", 5, MESSAGE_REQUEST, 7 },
		{ "\x94\x00\x07\xa1x\x80", 6, MESSAGE_REQUEST, 7 },
		{ "\x94\x00\x07\xc0\x90", 5, MESSAGE_REQUEST, 7 },
		{ "\x95\x01\x07\xc0\xc0\xc0", 6, MESSAGE_RESPONSE, 7 },
		{ "\x94\x02\x07\xa1x\x90", 6, MESSAGE_NOTIFICATION, 0 },
		{ "\x94\x00\xa1x\xa1x\x90", 7, MESSAGE_REQUEST, 0 },
		{ "\x94\x05\x07\xa1x\x90", 6, MESSAGE_REQUEST, 0 },
		{ "\x80", 1, MESSAGE_REQUEST, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;

		memset(&message, 0x5a, sizeof(message));
		ck_assert_int_eq(message_read(unpack_bytes(cases[i].bytes, cases[i].len), &message, NULL), -EBADMSG);
		ck_assert_int_eq(message.type, cases[i].type);
		ck_assert_uint_eq(message.id, cases[i].id);
	}
}
END_TEST

static const struct failure_wire failure = {
	.kind = { "remote", 6 },
	.message = { "out of quota", 12 },
	.code = { "8", 1 },
	.http_status = { true, 429 },
	.details = { "\x00\xff", 2 },
	.attempts = { true, 3 },
};

START_TEST(error_as_a_string)
{
	struct error error, again;
	struct failure_wire none;
	struct message message;

	error_set(&error, ERROR_NOT_FOUND, "no such future: 7");
	message_write_error(&pack, 3, &error, ERROR_SHAPE_STRING, &failure);
	ck_assert_int_eq(message_read(unpack(), &message, NULL), 0);
	ck_assert_uint_eq(message.id, 3);
	ck_assert_ptr_null(message.result);
	ck_assert_int_eq(message.error->type, MSGPACK_OBJECT_STR);
	assert_slice((struct slice){ message.error->via.str.ptr, message.error->via.str.size },
	    "NotFound: no such future: 7");
	message_read_error(message.error, &again, &none);
	ck_assert_int_eq(again.code, ERROR_NOT_FOUND);
	ck_assert_str_eq(again.message, "no such future: 7");
	ck_assert_ptr_null(none.kind.data);
}
END_TEST

START_TEST(error_as_a_map)
{
	struct error error, again;
	struct failure_wire data;
	struct message message;

	error_set(&error, ERROR_FAILED, "the operation failed");
	message_write_error(&pack, 4, &error, ERROR_SHAPE_MAP, &failure);
	ck_assert_int_eq(message_read(unpack(), &message, NULL), 0);
	ck_assert_int_eq(message.error->type, MSGPACK_OBJECT_MAP);
	ck_assert_uint_eq(message.error->via.map.size, 3);
	message_read_error(message.error, &again, &data);
	ck_assert_int_eq(again.code, ERROR_FAILED);
	ck_assert_str_eq(again.message, "the operation failed");
	assert_slice(data.kind, "remote");
	assert_slice(data.message, "out of quota");
	assert_slice(data.code, "8");
	ck_assert_uint_eq(data.http_status.value, 429);
	ck_assert_uint_eq(data.attempts.value, 3);
	ck_assert_uint_eq(data.details.len, 2);
	ck_assert_mem_eq(data.details.data, "\x00\xff", 2);
	message_read_error(message.error, &again, NULL);
	ck_assert_int_eq(again.code, ERROR_FAILED);
}
END_TEST

START_TEST(error_map_without_data)
{
	struct error error, again;
	struct failure_wire data = failure;
	struct message message;

	error_set(&error, ERROR_TIMEOUT, "2 of 3 are not done");
	message_write_error(&pack, 4, &error, ERROR_SHAPE_MAP, NULL);
	ck_assert_int_eq(message_read(unpack(), &message, NULL), 0);
	ck_assert_uint_eq(message.error->via.map.size, 2);
	message_read_error(message.error, &again, &data);
	ck_assert_int_eq(again.code, ERROR_TIMEOUT);
	ck_assert_ptr_null(data.kind.data);
}
END_TEST

/* Read the error that pack holds, then empty pack. */
static void read_packed_error(struct error *ret)
{
	struct failure_wire data;

	message_read_error(unpack(), ret, &data);
	teardown();
	setup();
}

START_TEST(errors_of_strangers)
{
	static const struct {
		const char *text;
		enum error_code code;
		const char *message;
	} cases[] = {
		{ "DiskFull: no room", ERROR_DISK_FULL, "no room" },
		{ "DiskFull:no room", ERROR_DISK_FULL, "no room" },
		{ "DiskFull:", ERROR_DISK_FULL, "" },
		{ "Internal: oh", ERROR_INTERNAL, "oh" },
		{ "Teapot: short and stout", ERROR_INTERNAL, "Teapot: short and stout" },
		{ "it went wrong: badly", ERROR_INTERNAL, "it went wrong: badly" },
		{ "it went wrong", ERROR_INTERNAL, "it went wrong" },
		{ "", ERROR_INTERNAL, "" },
	};
	struct error error;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pack_str(&pack, cases[i].text);
		read_packed_error(&error);
		ck_assert_int_eq(error.code, cases[i].code);
		ck_assert_str_eq(error.message, cases[i].message);
	}
	pack_u64(&pack, 17);
	read_packed_error(&error);
	ck_assert_int_eq(error.code, ERROR_INTERNAL);
	ck_assert_str_eq(error.message, "an error that cannot be read: it is an integer");

	pack_map(&pack, 3);
	pack_str(&pack, "name");
	pack_str(&pack, "Teapot");
	pack_str(&pack, "message");
	pack_str(&pack, "short");
	pack_str(&pack, "hint");
	pack_nil(&pack);
	read_packed_error(&error);
	ck_assert_int_eq(error.code, ERROR_INTERNAL);
	ck_assert_str_eq(error.message, "Teapot: short");

	pack_map(&pack, 1);
	pack_str(&pack, "message");
	pack_str(&pack, "nameless");
	read_packed_error(&error);
	ck_assert_int_eq(error.code, ERROR_INTERNAL);
	ck_assert_str_eq(error.message, "an error that cannot be read: name: required");
}
END_TEST

START_TEST(error_text_of_a_bin)
{
	struct error error;

	pack_bin(&pack, slice_from_str("KeyConflict: taken"));
	read_packed_error(&error);
	ck_assert_int_eq(error.code, ERROR_KEY_CONFLICT);
	ck_assert_str_eq(error.message, "taken");
}
END_TEST

/* Each table must describe its struct: a struct whose every writable member is set comes back. */
static void fill(const struct field *table, void *structure)
{
	static struct id ids[2] = { { { 1 } }, { { 2 } } };
	uint64_t n = 1;

	for (const struct field *field = table; field->name; field++, n++) {
		void *member = (char *)structure + field->offset;

		switch (field->type) {
		case FIELD_TEXT:
		case FIELD_BYTES:
			*(struct slice *)member = slice_from_str(field->name);
			break;
		case FIELD_U64:
		case FIELD_I64:
			*(struct maybe_u64 *)member = (struct maybe_u64){ true, n };
			break;
		case FIELD_BOOL:
			*(bool *)member = true;
			break;
		case FIELD_SPAN:
			*(struct span *)member = (struct span){ SPAN_SET, n };
			break;
		case FIELD_ID:
			((struct id *)member)->bytes[0] = (uint8_t)n;
			break;
		case FIELD_IDS:
			*(struct id_list *)member = (struct id_list){ ids, 2 };
			break;
		case FIELD_ANY:
			break;
		}
	}
}

/* fill() a structure of size bytes, write, read, write again; names are the keys that must appear. */
static void assert_table(const struct field *table, size_t size, const char *const *names)
{
	void *first = calloc(1, size), *second = calloc(1, size);
	const msgpack_object *map;
	struct slice bytes;
	struct error error;
	char *written;
	size_t len, n = 0;

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	fill(table, first);
	fields_write(&pack, table, first);
	ck_assert_int_eq(pack_take(&pack, &written, &len), 0);
	map = unpack_bytes(written, len);
	for (; names[n]; n++)
		value_of(map, names[n]);
	ck_assert_uint_eq(map->via.map.size, n);
	if (fields_read(map, table, FIELDS_REFUSE_UNKNOWN, second, &error) < 0)
		ck_abort_msg("%s", error.message);
	fields_write(&pack, table, second);
	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	ck_assert_uint_eq(bytes.len, len);
	ck_assert_mem_eq(bytes.data, written, len);
	fields_done(table, second);
	free(first);
	free(second);
	free(written);
	teardown();
	setup();
}

#define ASSERT_TABLE(structure, table, ...) \
	assert_table(table, sizeof(struct structure), (const char *const[]){ __VA_ARGS__, NULL })

START_TEST(tables_of_params)
{
	ASSERT_TABLE(failure_wire, failure_fields, "kind", "message", "code", "http_status", "details", "attempts");
	ASSERT_TABLE(hello_params, hello_params_fields, "client", "errors");
	ASSERT_TABLE(create_params, create_params_fields, "profile", "key", "mode", "ttl", "timeout", "after",
	    "start_at", "delay");
	ASSERT_TABLE(id_params, id_params_fields, "id");
	ASSERT_TABLE(result_params, result_params_fields, "id", "timeout", "offset", "length");
	ASSERT_TABLE(wait_params, wait_params_fields, "ids", "timeout", "return_when");
	ASSERT_TABLE(subscribe_params, subscribe_params_fields, "ids", "since", "method", "wrap");
	ASSERT_TABLE(unsubscribe_params, unsubscribe_params_fields, "subscription");
	ASSERT_TABLE(list_params, list_params_fields, "state", "profile", "prefix", "limit", "cursor");
	ASSERT_TABLE(extend_params, extend_params_fields, "id", "timeout");
	ASSERT_TABLE(claim_params, claim_params_fields, "id", "lease");
	ASSERT_TABLE(renew_params, renew_params_fields, "id", "claim", "lease");
	ASSERT_TABLE(resolve_params, resolve_params_fields, "id", "claim", "result", "content_type", "offset", "more");
	ASSERT_TABLE(reject_params, reject_params_fields, "id", "claim", "kind", "message", "code", "details");
	ASSERT_TABLE(pause_params, pause_params_fields, "id", "ids", "origin");
	ASSERT_TABLE(name_params, name_params_fields, "name");
	assert_table(empty_params_fields, sizeof(struct empty_params), (const char *const[]){ NULL });
}
END_TEST

START_TEST(tables_of_replies)
{
	ASSERT_TABLE(create_reply, create_reply_fields, "id", "state", "created");
	ASSERT_TABLE(snapshot, snapshot_fields, "id", "state", "kind", "profile", "key", "uid", "mode", "created_at_ms",
	    "started_at_ms", "finished_at_ms", "expires_at_ms", "deadline_at_ms", "next_poll_at_ms", "requests", "hops",
	    "attempts", "condition", "condition_since_ms", "last_error", "cancel_requested", "paused", "pinned", "progress",
	    "claimed", "lease_until_ms", "content_type", "result_size", "seq", "held", "start_at_ms");
	ASSERT_TABLE(result_reply, result_reply_fields, "state", "result", "content_type", "offset", "size");
	ASSERT_TABLE(cancel_reply, cancel_reply_fields, "cancelled", "state");
	ASSERT_TABLE(claim_reply, claim_reply_fields, "claim", "lease_until_ms", "progress");
	ASSERT_TABLE(state_reply, state_reply_fields, "state", "offset");
	ASSERT_TABLE(event_wire, event_fields, "subscription", "seq", "id", "event", "state", "at_ms", "progress",
	    "message", "attempts");
}
END_TEST

/* The required keys of a table, in its order. */
static void assert_required(const struct field *table, const char *expected)
{
	char names[256] = "";

	for (const struct field *field = table; field->name; field++)
		if (field->flags & FIELD_REQUIRED)
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", *names ? " " : "", field->name);
	ck_assert_str_eq(names, expected);
}

START_TEST(required_keys)
{
	assert_required(failure_fields, "");
	assert_required(hello_params_fields, "");
	assert_required(create_params_fields, "");
	assert_required(id_params_fields, "id");
	assert_required(claim_params_fields, "id");
	assert_required(renew_params_fields, "id claim lease");
	assert_required(progress_params_fields, "id progress");
	assert_required(resolve_params_fields, "id");
	assert_required(reject_params_fields, "id");
	assert_required(result_params_fields, "id");
	assert_required(wait_params_fields, "ids");
	assert_required(subscribe_params_fields, "");
	assert_required(unsubscribe_params_fields, "subscription");
	assert_required(list_params_fields, "");
	assert_required(extend_params_fields, "id timeout");
	assert_required(pause_params_fields, "");
	assert_required(name_params_fields, "name");
	assert_required(create_reply_fields, "id state");
	assert_required(snapshot_fields, "id state");
	assert_required(result_reply_fields, "state");
	assert_required(cancel_reply_fields, "state");
	assert_required(event_fields, "subscription seq id event");
}
END_TEST

START_TEST(false_is_said_where_a_client_looks_for_it)
{
	struct create_reply created = { .state = slice_from_str("running") };
	struct cancel_reply cancelled = { .state = slice_from_str("failed") };

	fields_write(&pack, create_reply_fields, &created);
	ck_assert(!value_of(unpack(), "created")->via.boolean);
	teardown();
	setup();
	fields_write(&pack, cancel_reply_fields, &cancelled);
	ck_assert(!value_of(unpack(), "cancelled")->via.boolean);
}
END_TEST

START_TEST(snapshot_with_labels_and_error)
{
	struct snapshot snapshot = { .id = { { 1 } }, .state = slice_from_str("failed") }, again;

	fields_write_with(&pack, snapshot_fields, &snapshot, 3);
	pack_str(&pack, "after");
	pack_array(&pack, 1);
	pack_id(&pack, &snapshot.id);
	pack_str(&pack, "labels");
	pack_map(&pack, 0);
	pack_str(&pack, "error");
	fields_write(&pack, failure_fields, &failure);
	ck_assert_int_eq(fields_read(unpack(), snapshot_fields, FIELDS_REFUSE_UNKNOWN, &again, NULL), 0);
	assert_slice(again.state, "failed");
	ck_assert_int_eq(again.labels->type, MSGPACK_OBJECT_MAP);
	ck_assert_uint_eq(again.error->via.map.size, 6);
	ck_assert_uint_eq(again.after->via.array.size, 1);
	ck_assert_ptr_null(again.profile.data);
	ck_assert(!again.uid.set);
}
END_TEST

static Suite *message_suite(void)
{
	Suite *suite = suite_create("proto/message");
	TCase *tcase = tcase_create("message");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, corpus_of_envelopes);
	tcase_add_test(tcase, request_both_ways);
	tcase_add_test(tcase, response_both_ways);
	tcase_add_test(tcase, notification_both_ways);
	tcase_add_test(tcase, id_of_a_bad_request_can_be_answered);
	tcase_add_test(tcase, error_as_a_string);
	tcase_add_test(tcase, error_as_a_map);
	tcase_add_test(tcase, error_map_without_data);
	tcase_add_test(tcase, errors_of_strangers);
	tcase_add_test(tcase, error_text_of_a_bin);
	tcase_add_test(tcase, tables_of_params);
	tcase_add_test(tcase, tables_of_replies);
	tcase_add_test(tcase, required_keys);
	tcase_add_test(tcase, false_is_said_where_a_client_looks_for_it);
	tcase_add_test(tcase, snapshot_with_labels_and_error);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(message_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
