/* test_access.c - who may read and change a future, as a table. */
#include "daemon/broker/access.h"

#include <check.h>
#include <stdlib.h>

#define OWNER 1000
#define GROUP 100
#define NOBODY 4242

static const gid_t many[] = { 7, 8, GROUP };

static const struct {
	const char *who;
	struct caller caller;
	uint32_t mode;
	bool read, write;
} cases[] = {
	{ "owner", { OWNER, NOBODY, NULL, 0 }, 0600, true, true },
	{ "owner, without the group's bits for himself", { OWNER, GROUP, NULL, 0 }, 0640, true, true },
	{ "root", { 0, 0, NULL, 0 }, 0600, true, true },
	{ "another of the group", { 1001, GROUP, NULL, 0 }, 0600, false, false },
	{ "another of the group", { 1001, GROUP, NULL, 0 }, 0640, true, false },
	{ "another of the group", { 1001, GROUP, NULL, 0 }, 0660, true, true },
	{ "by supplementary group", { 1001, NOBODY, many, 3 }, 0640, true, false },
	{ "by supplementary group", { 1001, NOBODY, many, 3 }, 0660, true, true },
	{ "the list is as long as it says", { 1001, NOBODY, many, 2 }, 0660, false, false },
	{ "a stranger", { 1001, NOBODY, NULL, 0 }, 0600, false, false },
	{ "a stranger", { 1001, NOBODY, NULL, 0 }, 0640, false, false },
	{ "a stranger", { 1001, NOBODY, NULL, 0 }, 0660, false, false },
	{ "a stranger", { 1001, NOBODY, NULL, 0 }, 0644, true, false },
	{ "a stranger", { 1001, NOBODY, NULL, 0 }, 0666, true, true },
	{ "the group of root is nothing special", { 1001, 0, NULL, 0 }, 0660, false, false }
};

START_TEST(who_may)
{
	bool read = access_may_read(&cases[_i].caller, OWNER, GROUP, cases[_i].mode);
	bool write = access_may_write(&cases[_i].caller, OWNER, GROUP, cases[_i].mode);

	ck_assert_msg(read == cases[_i].read && write == cases[_i].write, "%s, mode %o: read %d, write %d",
	    cases[_i].who, (unsigned)cases[_i].mode, read, write);
}
END_TEST

START_TEST(five_modes_and_no_other)
{
	unsigned count = 0;

	for (uint64_t mode = 0; mode <= 0177777; mode++)
		count += access_mode_valid(mode);
	ck_assert_uint_eq(count, 5);
	ck_assert(access_mode_valid(0600) && access_mode_valid(0640) && access_mode_valid(0644));
	ck_assert(access_mode_valid(0660) && access_mode_valid(0666));
	ck_assert(!access_mode_valid(UINT64_C(0x100000000) + 0600));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tcase = tcase_create("access");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, who_may, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tcase, five_modes_and_no_other);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
