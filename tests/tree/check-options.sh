#!/bin/sh
# Every key of the configuration's tables is in futured.conf(5), with its default where it has one, and the page has no
# other.
set -u
table=$srcdir/daemon/config.c
credentials=$srcdir/daemon/config_credentials.c
page=$srcdir/man/futured.conf.5
checks=0
failures=0

fail() {
	failures=$((failures + 1))
	echo "FAIL: $*"
}

keys=$(sed -n 's/^\t{ "[a-z]*", "\([a-z_]*\)", OPTION_.*/\1/p' "$table")
credential_keys=$(sed -n 's/^\t{ "\([a-z_]*\)", VALUE_.*/\1/p' "$credentials")
[ -n "$keys" ] && [ -n "$credential_keys" ] || { echo "no table in $table or $credentials"; exit 1; }

# entries SECTIONS: the keys that the page has in its sections between these two.
entries() {
	sed -n "/^\.SH $1/,/^\.SH $2/{/^\.TP/{n;s/^\.B //p}}" "$page"
}
documented=$(entries '\[LIMITS' '\[CREDENTIAL')
documented_credentials=$(entries '\[CREDENTIAL' EXAMPLE)

for key in $keys; do
	checks=$((checks + 1))
	# The last number of the table's row, as "4096" or "64 * MEBI", is the default; paths and lists have none.
	preset=$(sed -n "s/^\t{ \"[a-z]*\", \"$key\", OPTION_.*, \([0-9]*\)\( \* [A-Z]*\)\{0,1\}, [A-Z]*,\$/\1\2/p" "$table" |
		sed 's/ \* MEBI/M/; s/ \* GIBI/G/; s/ \* SECOND//')
	! grep -Eq "\"$key\", OPTION_(PATH|NETWORKS)," "$table" || preset=none
	if ! sed -n "/^\.B $key\$/,/^\.\(TP\|SH\)/p" "$page" | grep -Eq "(^|\. )Default $preset\.\$"; then
		fail "futured.conf(5) does not have $key with its default $preset"
	fi
done
for key in $documented; do
	checks=$((checks + 1))
	printf '%s\n' "$keys" | grep -qx "$key" || fail "futured.conf(5) has $key, the table has not"
done
for key in $credential_keys; do
	checks=$((checks + 1))
	printf '%s\n' "$documented_credentials" | grep -qx "$key" || fail "futured.conf(5) does not have a credential's $key"
done
for key in $documented_credentials; do
	checks=$((checks + 1))
	printf '%s\n' "$credential_keys" | grep -qx "$key" || fail "futured.conf(5) has a credential's $key, the table has not"
done
echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
