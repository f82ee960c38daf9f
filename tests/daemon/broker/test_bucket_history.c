/* test_bucket_history.c - random histories of buckets against what must hold at every moment. */
#include "daemon/broker/bucket.h"
#include "tests/draw.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The slots are of four buckets, half of them for long polls. */
#define SLOTS 64
#define GROUPS 4

static struct buckets *buckets;
static struct bucket_slot slots[SLOTS];

struct history {
	uint64_t state, now;
	uint64_t paused_until[GROUPS];
	unsigned in_flight[2][GROUPS], waiting[2][GROUPS], total[2];
	unsigned passed[2][GROUPS];         /* grants to others while this one could have gone */
};

static const unsigned history_total[2] = { 6, 5 };

static unsigned group_of(size_t i)
{
	return (unsigned)(i % GROUPS);
}

static unsigned kind_of(size_t i)
{
	return i >= SLOTS / 2;
}

/* But for the limit of all together. */
static bool could_go(const struct history *h, unsigned kind, unsigned group)
{
	const size_t any = group;           /* slot of that number is of that group */

	return h->waiting[kind][group] > 0 && h->in_flight[kind][group] < bucket_limit(slots[any].bucket, kind) &&
	    h->paused_until[group] <= h->now;
}

static bool any_could_go(const struct history *h, unsigned kind)
{
	bool any = false;

	for (unsigned group = 0; group < GROUPS; group++)
		any = any || could_go(h, kind, group);
	return any && h->total[kind] < history_total[kind];
}

static void check_grant(struct history *h)
{
	bool any = any_could_go(h, 0) || any_could_go(h, 1);
	struct bucket_slot *slot = bucket_grant(buckets, h->now);
	unsigned kind, group;

	must_say((slot != NULL) == any, "granted %d, could %d", slot != NULL, any);
	if (!slot)
		return;
	kind = kind_of((size_t)(slot - slots));
	group = group_of((size_t)(slot - slots));
	must(could_go(h, kind, group) && h->total[kind] < history_total[kind]);
	for (unsigned other = 0; other < GROUPS; other++)
		if (could_go(h, kind, other))
			must(h->passed[kind][other]++ < GROUPS);
	h->passed[kind][group] = 0;
	h->waiting[kind][group]--;
	h->in_flight[kind][group]++;
	h->total[kind]++;
}

static void history_release(struct history *h, size_t i)
{
	unsigned kind = kind_of(i), group = group_of(i);

	if (slots[i].state == SLOT_WAITING)
		h->waiting[kind][group]--;
	if (slots[i].state == SLOT_HELD) {
		h->in_flight[kind][group]--;
		h->total[kind]--;
		bucket_answered(buckets, &slots[i], draw(&h->state) % 16 ? BUCKET_FINE : BUCKET_REFUSED, h->now);
	}
	bucket_release(buckets, &slots[i]);
}

static void history_step(struct history *h)
{
	size_t i = draw(&h->state) % SLOTS;
	unsigned kind = kind_of(i), group = group_of(i);

	switch (draw(&h->state) % 16) {
	case 0:
		h->now += draw(&h->state) % 100;
		break;
	case 1:
		h->paused_until[group] = h->now + draw(&h->state) % 60 > h->paused_until[group] ?
		    h->now + 60 : h->paused_until[group];
		bucket_pause(slots[i].bucket, h->paused_until[group]);
		break;
	case 2: case 3: case 4: case 5: case 6:
		if (slots[i].state == SLOT_IDLE)
			h->waiting[kind][group]++;
		if (draw(&h->state) % 8)
			bucket_request(buckets, &slots[i]);
		else
			bucket_request_first(buckets, &slots[i]);
		break;
	case 7: case 8: case 9:
		history_release(h, i);
		break;
	case 10:
		if (draw(&h->state) % 8 == 0)
			h->now += 1000000;          /* refusals count again */
		break;
	default:
		check_grant(h);
	}
	/* Who could not go starts again at the end of the row. */
	for (kind = 0; kind < 2; kind++)
		for (group = 0; group < GROUPS; group++)
			if (!could_go(h, kind, group))
				h->passed[kind][group] = 0;
}

START_TEST(random_histories)
{
	struct history h = { .state = (uint64_t)_i };
	static const char *const names[] = { "a", "b", "c", "d" };
	static const uint8_t hash_key[16] = "sixteen bytes...";
	unsigned reduced = 0;

	buckets = buckets_new(&(struct bucket_limits){ history_total[0], 4, history_total[1], 4 }, hash_key);
	ck_assert_ptr_nonnull(buckets);
	memset(slots, 0, sizeof(slots));
	for (size_t i = 0; i < SLOTS; i++) {
		must(bucket_join(buckets, 1, names[group_of(i)], group_of(i) + 1, &slots[i]) == 0);
		slots[i].long_poll = kind_of(i);
	}
	for (int step = 0; step < 20000; step++) {
		struct buckets_stats now;
		unsigned waiting = 0;

		history_step(&h);
		for (unsigned group = 0; group < GROUPS; group++) {
			waiting += h.waiting[0][group] + h.waiting[1][group];
			must(bucket_limit(slots[group].bucket, false) >= 1);
			must(bucket_limit(slots[group].bucket, true) <= group + 1);
		}
		buckets_stats(buckets, h.now, &now);
		must(now.in_flight == h.total[0] + h.total[1]);
		must(now.long_polls == h.total[1]);
		must(now.waiting == waiting);
		reduced += now.reduced > 0;
	}
	must(reduced > 1000);
	must(reduced < 19900);
	for (size_t i = 0; i < SLOTS; i++)
		bucket_leave(buckets, &slots[i]);
	buckets_free(buckets);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bucket_history");
	TCase *tcase = tcase_create("bucket_history");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, random_histories, 0, 20);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
