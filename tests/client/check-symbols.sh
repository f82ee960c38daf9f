#!/bin/sh
# Compares what libfutured.so exports with the list of what it promises to: a name that goes breaks programs.
set -u
list=${srcdir:-.}/tests/client/symbols.txt
library=.libs/libfutured.so
command -v nm >/dev/null || exit 77
[ -e "$library" ] || { echo "check-symbols: $library is missing"; exit 1; }
found=$(mktemp) || exit 1
trap 'rm -f "$found"' EXIT

nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort >"$found"
if ! diff -u "$list" "$found"; then
	echo "check-symbols: the exported names are not those of $list."
	echo "A new name: add it there, and raise current and age in client/Makefile.inc. A name that went: don't."
	exit 1
fi
# Each name is declared in the header.
declared=$(grep -o 'futured_[a-z_]*(' "${srcdir:-.}/client/futured.h" | tr -d '(' | LC_ALL=C sort -u)
checks=1
for name in $(cat "$list"); do
	checks=$((checks + 1))
	echo "$declared" | grep -qx "$name" || { echo "check-symbols: $name is not in futured.h"; exit 1; }
done
echo "100%: Checks: $checks, Failures: 0, Errors: 0"
