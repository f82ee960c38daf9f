/*
 * fuzz_scan.c - the scanner against msgpack-c: both must find the same end of the same bytes.
 *
 * `make check` runs it through fuzz_main.c. As a libFuzzer target, from the top of the tree:
 *   clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -I. \
 *     tests/proto/fuzz_scan.c proto/[a-z]*.c -lmsgpackc -o fuzz_scan
 *   mkdir seeds && BUILD/tests/proto/fuzz_scan -x seeds && ./fuzz_scan -malloc_limit_mb=64 seeds
 *
 * msgpack-c sees only bytes that the scanner has not refused: it would allocate whatever a header asks for.
 */
#include "tests/proto/fuzz.h"

#include "proto/scan.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>

static const struct scan_limits limits = {
	.bytes = PROTO_MESSAGE_MAX, .depth = PROTO_DEPTH_MAX, .items = PROTO_ITEMS_MAX,
};

/* What a scan said about one message. */
struct outcome {
	int r;
	size_t used;             /* bytes up to the message's end, or all of them */
	char reason[160];
};

/* Scan the first message of data, in reads of random sizes unless random is NULL. */
static struct outcome scan_once(const struct scan_limits *with, const uint8_t *data, size_t size, uint64_t *random)
{
	struct outcome outcome = { 0 };
	struct scan scan;

	scan_init(&scan, with);
	while (outcome.r == 0 && outcome.used < size) {
		size_t left = size - outcome.used, n = random ? 1 + fuzz_random(random) % 7 : left, used = 0;

		if (n > left)
			n = left;
		outcome.r = scan_feed(&scan, data + outcome.used, n, &used);
		if (outcome.r == 0)
			FUZZ_CHECK(used == n);
		FUZZ_CHECK(used <= n);
		if (outcome.r >= 0)
			outcome.used += used;
		if (outcome.r != 1)
			FUZZ_CHECK(outcome.r < 0 || scan_pending(&scan) == outcome.used);
	}
	snprintf(outcome.reason, sizeof(outcome.reason), "%s", scan_reason(&scan));
	FUZZ_CHECK((outcome.r < 0) == (outcome.reason[0] != '\0'));
	return outcome;
}

struct measure {
	size_t items;
	unsigned depth;
};

/* Count objects and nesting in what msgpack-c made; at most PROTO_DEPTH_MAX deep. */
static void measure_object(const msgpack_object *object, unsigned depth, struct measure *measure)
{
	measure->items++;
	if (object->type == MSGPACK_OBJECT_ARRAY || object->type == MSGPACK_OBJECT_MAP) {
		depth++;
		if (depth > measure->depth)
			measure->depth = depth;
	}
	if (object->type == MSGPACK_OBJECT_ARRAY) {
		for (uint32_t i = 0; i < object->via.array.size; i++)
			measure_object(&object->via.array.ptr[i], depth, measure);
	} else if (object->type == MSGPACK_OBJECT_MAP) {
		for (uint32_t i = 0; i < object->via.map.size; i++) {
			measure_object(&object->via.map.ptr[i].key, depth, measure);
			measure_object(&object->via.map.ptr[i].val, depth, measure);
		}
	}
}

/* Smaller limits must refuse exactly the messages that are over them: a count is refused early
 * only when the whole could not have fitted. */
static void check_small_limits(const msgpack_object *object, const uint8_t *data, size_t len, uint64_t *random)
{
	struct measure measure = { 0 };

	measure_object(object, 0, &measure);
	FUZZ_CHECK(measure.items <= limits.items && measure.depth <= limits.depth);
	for (int i = 0; i < 3; i++) {
		struct scan_limits small = {
			.bytes = 1 + fuzz_random(random) % (len + 2),
			.depth = (unsigned)(fuzz_random(random) % (measure.depth + 2)),
			.items = (uint32_t)(1 + fuzz_random(random) % (measure.items + 2)),
		};
		int fits;
		struct outcome outcome;

		if (small.depth > PROTO_DEPTH_MAX)
			small.depth = PROTO_DEPTH_MAX;
		fits = len <= small.bytes && measure.depth <= small.depth && measure.items <= small.items;
		outcome = scan_once(&small, data, len, i == 0 ? NULL : random);
		FUZZ_CHECK(outcome.r == (fits ? 1 : -EMSGSIZE));
	}
}

/* msgpack-c must agree about a message that ends at len, and about each cut before it. */
static void check_message(const uint8_t *data, size_t len, uint64_t *random)
{
	msgpack_unpacked unpacked;
	size_t offset = 0;

	msgpack_unpacked_init(&unpacked);
	FUZZ_CHECK(msgpack_unpack_next(&unpacked, (const char *)data, len, &offset) == MSGPACK_UNPACK_SUCCESS);
	FUZZ_CHECK(offset == len);
	check_small_limits(&unpacked.data, data, len, random);
	offset = 0;
	FUZZ_CHECK(msgpack_unpack_next(&unpacked, (const char *)data, len - 1, &offset) == MSGPACK_UNPACK_CONTINUE);
	msgpack_unpacked_destroy(&unpacked);
}

/* The rest of the bytes is no message: msgpack-c must say the same, and for the same reason. */
static void check_rest(const uint8_t *data, size_t size, const struct outcome *outcome)
{
	msgpack_unpack_return expected = outcome->r == 0 ? MSGPACK_UNPACK_CONTINUE : MSGPACK_UNPACK_PARSE_ERROR;
	msgpack_unpacked unpacked;
	size_t offset = 0;

	if (size == 0 || outcome->r == -EMSGSIZE)
		return;
	msgpack_unpacked_init(&unpacked);
	FUZZ_CHECK(msgpack_unpack_next(&unpacked, (const char *)data, size, &offset) == expected);
	msgpack_unpacked_destroy(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t random = fuzz_seed(data, size);
	struct outcome whole, split;

	do {
		whole = scan_once(&limits, data, size, NULL);
		split = scan_once(&limits, data, size, &random);
		FUZZ_CHECK(whole.r == split.r);
		FUZZ_CHECK(strcmp(whole.reason, split.reason) == 0);
		if (whole.r < 0)
			break;
		FUZZ_CHECK(whole.used == split.used);
		if (whole.r == 0)
			break;
		check_message(data, whole.used, &random);
		data += whole.used;
		size -= whole.used;
	} while (size > 0);
	check_rest(data, size, &whole);
	return 0;
}
