#!/bin/sh
# Every key of the configuration's table is in futured.conf(5) with its default, and the page has no other.
set -u
table=$srcdir/daemon/config.c
page=$srcdir/man/futured.conf.5
checks=0
failures=0

keys=$(sed -n 's/^\t{ "[a-z]*", "\([a-z_]*\)", OPTION_.*/\1/p' "$table")
[ -n "$keys" ] || { echo "no table in $table"; exit 1; }
documented=$(sed -n '/^\.SH \[/,/^\.SH EXAMPLE/{/^\.TP/{n;s/^\.B //p}}' "$page")
for key in $keys; do
	checks=$((checks + 1))
	# The last number of the table's row, as "4096" or "64 * MEBI", is the default.
	preset=$(sed -n "s/^\t{ \"[a-z]*\", \"$key\", OPTION_.*, \([0-9]*\)\( \* [A-Z]*\)\{0,1\}, [A-Z]*,\$/\1\2/p" "$table" |
		sed 's/ \* MEBI/M/; s/ \* SECOND//')
	if ! sed -n "/^\.B $key\$/{n;p}" "$page" | grep -q "Default $preset\.\$"; then
		failures=$((failures + 1))
		echo "FAIL: futured.conf(5) does not have $key with its default $preset"
	fi
done
for key in $documented; do
	checks=$((checks + 1))
	if ! printf '%s\n' "$keys" | grep -qx "$key"; then
		failures=$((failures + 1))
		echo "FAIL: futured.conf(5) has $key, the table has not"
	fi
done
echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
