/* test_siphash.c - the published vectors, and independence of alignment. */
#include "daemon/broker/siphash.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Key 00 01 .. 0f, message of n bytes 00 01 ..: the first of the reference vectors, the paper's own (15), and the last. */
static const struct { size_t len; uint64_t hash; } vectors[] = {
	{ 0, 0x726fdb47dd0e0e31U },
	{ 1, 0x74f839c593dc67fdU },
	{ 2, 0x0d6c8009d9a94f5aU },
	{ 3, 0x85676696d7fb7e2dU },
	{ 7, 0xab0200f58b01d137U },
	{ 8, 0x93f5f5799a932462U },
	{ 15, 0xa129ca6149be45e5U },
	{ 63, 0x958a324ceb064572U }
};

static uint8_t key[SIPHASH_KEY_BYTES];
static uint8_t message[64 + 8];

static void setup(void)
{
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
}

START_TEST(gives_the_published_values)
{
	uint64_t hash = siphash(message, vectors[_i].len, key);

	ck_assert_msg(hash == vectors[_i].hash, "length %zu: %016llx", vectors[_i].len, (unsigned long long)hash);
}
END_TEST

START_TEST(does_not_mind_alignment)
{
	uint8_t moved[64 + 8];

	for (size_t offset = 0; offset < 8; offset++) {
		memcpy(moved + offset, message, 63);
		ck_assert_uint_eq(siphash(moved + offset, 63, key), 0x958a324ceb064572U);
	}
}
END_TEST

START_TEST(depends_on_every_bit_of_key_and_message)
{
	uint64_t plain = siphash(message, 20, key);

	for (unsigned bit = 0; bit < 8 * SIPHASH_KEY_BYTES; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_uint_ne(siphash(message, 20, key), plain);
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned bit = 0; bit < 8 * 20; bit++) {
		message[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_uint_ne(siphash(message, 20, key), plain);
		message[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_uint_eq(siphash(NULL, 0, key), vectors[0].hash);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("siphash");
	TCase *tcase = tcase_create("siphash");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, gives_the_published_values, 0, (int)(sizeof(vectors) / sizeof(vectors[0])));
	tcase_add_test(tcase, does_not_mind_alignment);
	tcase_add_test(tcase, depends_on_every_bit_of_key_and_message);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
