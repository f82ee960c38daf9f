#!/bin/sh
# Adds up what `make check` left in the given build directories and prints "N passed, N failed, N skipped".
# A test program that says "Checks: 12, Failures: 0, Errors: 0" counts as so many checks, any other as one.
set -u

# one TRS: "passed failed skipped" of one test program.
one() {
	result=$(sed -n 's/^:global-test-result: *//p' "$1")
	log=${1%.trs}.log
	awk -v result="$result" '
		/Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
			line = $0
			sub(/.*Checks: /, "", line)
			split(line, part, /[^0-9]+/)
			checks += part[1]
			bad += part[2] + part[3]
			if (line ~ /Skipped: [0-9]/)
				skipped += part[4]
		}
		END {
			if (result == "SKIP")
				print 0, 0, 1
			else if (result == "PASS" || result == "XFAIL")
				print (checks ? checks - skipped : 1), 0, skipped + 0
			else
				print (checks > bad ? checks - bad - skipped : 0), (bad ? bad : 1), skipped + 0
		}' "$log"
}

for dir in "$@"; do
	[ ! -d "$dir/tests" ] || find "$dir/tests" -name '*.trs' | while read -r trs; do
		one "$trs"
	done
done | awk '
	{ passed += $1; failed += $2; skipped += $3 }
	END { printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : "" }'
