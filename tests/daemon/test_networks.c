/* test_networks.c - addresses that the daemon of the machine may connect to, however they are written. */
#include "daemon/networks.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool permit(const struct networks *allowed, const char *text)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return networks_permit(allowed, (const struct sockaddr *)&v4);
	ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return networks_permit(allowed, (const struct sockaddr *)&v6);
}

static const struct networks none;

START_TEST(public_ones)
{
	static const char *const table[] = {
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "198.17.0.1",
		"198.20.0.0", "223.255.255.255", "2a00:1450:4001::1", "2001:4860:4860::8888", "2606:4700::1111",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
	};

	for (size_t i = 0; i < COUNT(table); i++)
		ck_assert_msg(permit(&none, table[i]), "%s", table[i]);
}
END_TEST

START_TEST(others)
{
	static const char *const table[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1",
		"127.255.255.255", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
		"192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
		"240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
		"::ffff:10.1.2.3", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "2002:7f00:1::1",
		"2002:a9fe:a9fe::1", "2001::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
		"ff02::1", "100::1", "4000::1",
	};

	for (size_t i = 0; i < COUNT(table); i++)
		ck_assert_msg(!permit(&none, table[i]), "%s", table[i]);
}
END_TEST

START_TEST(listed_ones)
{
	struct networks allowed = { .count = 3 };

	ck_assert_int_eq(network_parse("10.1.0.0/16", &allowed.list[0]), 0);
	ck_assert_int_eq(network_parse("127.0.0.1", &allowed.list[1]), 0);
	ck_assert_int_eq(network_parse("fd00:2::/31", &allowed.list[2]), 0);
	ck_assert(permit(&allowed, "10.1.2.3"));
	ck_assert(permit(&allowed, "::ffff:10.1.2.3"));
	ck_assert(permit(&allowed, "64:ff9b::10.1.2.3"));
	ck_assert(permit(&allowed, "127.0.0.1"));
	ck_assert(permit(&allowed, "fd00:2::5"));
	ck_assert(permit(&allowed, "fd00:3::5"));
	ck_assert(permit(&allowed, "8.8.8.8"));
	ck_assert(!permit(&allowed, "10.2.0.0"));
	ck_assert(!permit(&allowed, "127.0.0.2"));
	ck_assert(!permit(&allowed, "::1"));
	ck_assert(!permit(&allowed, "fd00:1::5"));
	ck_assert(!permit(&allowed, "fd00:4::5"));
	/* all of IPv4, and nothing of IPv6 */
	allowed.count = 1;
	ck_assert_int_eq(network_parse("0.0.0.0/0", &allowed.list[0]), 0);
	ck_assert(permit(&allowed, "127.0.0.1"));
	ck_assert(!permit(&allowed, "::1"));
	ck_assert_int_eq(network_parse("::/0", &allowed.list[0]), 0);
	ck_assert(permit(&allowed, "::1"));
}
END_TEST

START_TEST(not_ip)
{
	struct sockaddr address = { .sa_family = AF_UNIX };

	ck_assert(!networks_permit(&none, &address));
}
END_TEST

START_TEST(not_networks)
{
	static const char *const table[] = {
		"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", "10.0.0.0/+8", "10.0.0/8",
		"10.0.0.1/8", "fd00::1/8", "fd00::/129", "localhost", "10.0.0.0/99999999999999999999",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8",
	};
	struct network network = { .bits = 77 };

	for (size_t i = 0; i < COUNT(table); i++) {
		ck_assert_msg(network_parse(table[i], &network) == -EINVAL, "%s", table[i]);
		ck_assert_uint_eq(network.bits, 77);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("networks");
	TCase *tcase = tcase_create("networks");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, public_ones);
	tcase_add_test(tcase, others);
	tcase_add_test(tcase, listed_ones);
	tcase_add_test(tcase, not_ip);
	tcase_add_test(tcase, not_networks);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
