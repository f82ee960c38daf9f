/* test_sched.c - the heap against a plain list, over random histories. */
#include "daemon/broker/sched.h"
#include "tests/daemon/broker/fail_alloc.h"
#include "tests/draw.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define ENTRIES 200

static struct sched sched;
static struct sched_entry entries[ENTRIES];

static void setup(void)
{
	sched_init(&sched);
	for (size_t i = 0; i < ENTRIES; i++)
		sched_entry_init(&entries[i]);
}

static void teardown(void)
{
	fail_alloc_at(0);
	sched_done(&sched);
}

START_TEST(empty)
{
	ck_assert_uint_eq(sched_next(&sched), SCHED_NEVER);
	ck_assert_ptr_null(sched_first(&sched));
	ck_assert_ptr_null(sched_pop(&sched, UINT64_MAX));
	ck_assert(!sched_waiting(&entries[0]));
	sched_cancel(&sched, &entries[0]);
	ck_assert_ptr_null(sched_pop(&sched, UINT64_MAX));
}
END_TEST

START_TEST(nothing_comes_early)
{
	ck_assert_int_eq(sched_set(&sched, &entries[0], 100), 0);
	ck_assert_uint_eq(sched_next(&sched), 100);
	ck_assert_ptr_eq(sched_first(&sched), &entries[0]);
	ck_assert_ptr_null(sched_pop(&sched, 99));
	ck_assert(sched_waiting(&entries[0]));
	ck_assert_ptr_eq(sched_pop(&sched, 100), &entries[0]);
	ck_assert(!sched_waiting(&entries[0]));
	ck_assert_ptr_null(sched_pop(&sched, UINT64_MAX));
}
END_TEST

START_TEST(equal_times_come_in_the_order_they_were_set)
{
	for (size_t i = 0; i < ENTRIES; i++)
		ck_assert_int_eq(sched_set(&sched, &entries[i], 7), 0);
	/* Set anew is set last. */
	ck_assert_int_eq(sched_set(&sched, &entries[0], 7), 0);
	for (size_t i = 1; i < ENTRIES; i++)
		ck_assert_ptr_eq(sched_pop(&sched, 7), &entries[i]);
	ck_assert_ptr_eq(sched_pop(&sched, 7), &entries[0]);
}
END_TEST

START_TEST(moves_both_ways)
{
	for (size_t i = 0; i < 20; i++)
		ck_assert_int_eq(sched_set(&sched, &entries[i], 10 * i), 0);
	ck_assert_int_eq(sched_set(&sched, &entries[0], 1000), 0);
	ck_assert_int_eq(sched_set(&sched, &entries[19], 1), 0);
	ck_assert_ptr_eq(sched_pop(&sched, UINT64_MAX), &entries[19]);
	for (size_t i = 1; i < 19; i++)
		ck_assert_ptr_eq(sched_pop(&sched, UINT64_MAX), &entries[i]);
	ck_assert_ptr_eq(sched_pop(&sched, UINT64_MAX), &entries[0]);
}
END_TEST

/* What sched should hold, kept as plainly as possible. */
struct model {
	bool waiting[ENTRIES];
	uint64_t due[ENTRIES], order[ENTRIES], orders;
};

static int model_first(const struct model *model)
{
	int first = -1;

	for (int i = 0; i < ENTRIES; i++) {
		if (!model->waiting[i])
			continue;
		if (first < 0 || model->due[i] < model->due[first] ||
		    (model->due[i] == model->due[first] && model->order[i] < model->order[first]))
			first = i;
	}
	return first;
}

static void model_step(struct model *model, uint64_t *state)
{
	int i = (int)(draw(state) % ENTRIES), first;
	uint64_t time = draw(state) % 50;
	struct sched_entry *popped;

	switch (draw(state) % 5) {
	case 0:
	case 1:
	case 2:
		ck_assert_int_eq(sched_set(&sched, &entries[i], time), 0);
		model->waiting[i] = true;
		model->due[i] = time;
		model->order[i] = model->orders++;
		break;
	case 3:
		sched_cancel(&sched, &entries[i]);
		model->waiting[i] = false;
		break;
	default:
		first = model_first(model);
		popped = sched_pop(&sched, time);
		if (first < 0 || model->due[first] > time) {
			ck_assert_ptr_null(popped);
			break;
		}
		ck_assert_ptr_eq(popped, &entries[first]);
		model->waiting[first] = false;
	}
}

START_TEST(agrees_with_a_plain_list)
{
	struct model model = { .orders = 0 };
	uint64_t state = (uint64_t)_i;

	for (int step = 0; step < 5000; step++) {
		int first;

		model_step(&model, &state);
		first = model_first(&model);
		ck_assert_uint_eq(sched_next(&sched), first < 0 ? SCHED_NEVER : model.due[first]);
		if (step % 64 == 0)
			for (int i = 0; i < ENTRIES; i++)
				ck_assert(sched_waiting(&entries[i]) == model.waiting[i]);
	}
}
END_TEST

START_TEST(reserved_entries_cannot_fail)
{
	for (size_t i = 0; i < ENTRIES; i++)
		ck_assert_int_eq(sched_reserve(&sched, i + 1), 0);
	for (size_t round = 0; round < 10; round++) {
		for (size_t i = 0; i < ENTRIES; i++) {
			int r;

			fail_alloc_at(1);
			r = sched_set(&sched, &entries[i], round * i);
			fail_alloc_at(0);
			ck_assert_int_eq(r, 0);
			ck_assert(!fail_alloc_happened());
		}
		while (sched_pop(&sched, UINT64_MAX))
			;
	}
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
	int reserved, set;

	fail_alloc_at(1);
	reserved = sched_reserve(&sched, 1);
	fail_alloc_at(1);
	set = sched_set(&sched, &entries[0], 5);
	fail_alloc_at(0);
	ck_assert_int_eq(reserved, -ENOMEM);
	ck_assert_int_eq(set, -ENOMEM);
	ck_assert(!sched_waiting(&entries[0]));
	ck_assert_uint_eq(sched_next(&sched), SCHED_NEVER);
	ck_assert_int_eq(sched_reserve(&sched, SIZE_MAX), -ENOMEM);
	ck_assert_int_eq(sched_reserve(&sched, SIZE_MAX / 4), -ENOMEM);
	ck_assert_int_eq(sched_set(&sched, &entries[0], 5), 0);
	ck_assert_ptr_eq(sched_pop(&sched, 5), &entries[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sched");
	TCase *tcase = tcase_create("sched");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, empty);
	tcase_add_test(tcase, nothing_comes_early);
	tcase_add_test(tcase, equal_times_come_in_the_order_they_were_set);
	tcase_add_test(tcase, moves_both_ways);
	tcase_add_loop_test(tcase, agrees_with_a_plain_list, 0, 20);
	tcase_add_test(tcase, reserved_entries_cannot_fail);
	tcase_add_test(tcase, no_memory_changes_nothing);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
