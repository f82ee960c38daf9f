#!/bin/sh
# Shows that check-tree.sh finds what it is there to find: a small good tree, then one fault at a time.
set -u
here=$(cd "${srcdir:-.}/tests/tree" && pwd) || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
checks=0
failures=0

good_tree() {
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/proto" "$dir/tree/db" "$dir/tree/daemon/broker" "$dir/tree/daemon/ipc" \
		"$dir/tree/daemon/remote" "$dir/tree/client" "$dir/tree/tests"
	cd "$dir/tree" || exit 1
	printf '/* a.h - a good header. */\n#include <stddef.h>\n' >proto/a.h
	printf '/* a.c - a good file. */\n#include "proto/a.h"\n\nint\na(void)\n{\n\treturn 0;\n}\n' >proto/a.c
	printf '/* b.c - a good file. */\n#include "db/store.h"\n#include <uthash.h>\n' >daemon/broker/b.c
	printf '/* http.c - a good file. */\n#include <curl/curl.h>\n#include <event2/event.h>\n' >daemon/remote/http.c
	printf '/* futured.h - a good header. */\n#include <stdint.h>\n' >client/futured.h
	printf '/* t.c - a good test. */\n#include "daemon/broker/b.h"\n#include <check.h>\n' >tests/t.c
}

# expect WHAT TEXT: check-tree.sh fails on the tree as it is now, and says TEXT.
expect() {
	checks=$((checks + 1))
	if sh "$here/check-tree.sh" "$dir/tree" >"$dir/out" 2>&1 || ! grep -qF -- "$2" "$dir/out"; then
		failures=$((failures + 1))
		echo "FAIL: $1: expected \"$2\", got:"
		sed 's/^/    /' "$dir/out"
	fi
	good_tree
}

# includes FILE HEADER: an include that FILE may not have is found.
includes() {
	printf '#include %s\n' "$2" >>"$1"
	header=$(printf '%s' "$2" | tr -d '<>"')
	expect "$1 includes $2" "$1:$(wc -l <"$1"): may not include $header"
}

good_tree
checks=$((checks + 1))
if ! sh "$here/check-tree.sh" "$dir/tree" >"$dir/out" 2>&1; then
	failures=$((failures + 1))
	echo "FAIL: the good tree:"
	cat "$dir/out"
fi

includes proto/a.c '<event2/event.h>'
includes proto/a.h '"db/store.h"'
printf '/* s.c - a store. */\n' >db/s.c
includes db/s.c '"proto/a.h"'
includes daemon/broker/b.c '<sqlite3.h>'
includes daemon/broker/b.c '<time.h>'
includes daemon/broker/b.c '<unistd.h>'
includes daemon/broker/b.c '"daemon/remote/http.h"'
includes daemon/broker/b.c '"daemon/log.h"'
includes daemon/broker/b.c '"proto/message.h"'
printf '/* c.c - a connection. */\n' >daemon/ipc/c.c
includes daemon/ipc/c.c '"daemon/remote/spec.h"'
printf '/* spec.c - the compiler. */\n' >daemon/remote/spec.c
includes daemon/remote/spec.c '<curl/curl.h>'
includes daemon/remote/spec.c '<event2/event.h>'
printf '/* spec.c - the compiler. */\n' >daemon/remote/spec.c
includes daemon/remote/spec.c '"daemon/broker/broker.h"'
includes client/futured.h '"proto/a.h"'
printf '/* futurectl.c - the command line. */\n' >client/futurectl.c
includes client/futurectl.c '"client/conn.h"'
printf '/* conn.c - the pump. */\n' >client/conn.c
includes client/conn.c '<event2/event.h>'

printf '#  include <sqlite3.h>\n' >>proto/a.c
expect "an include with spaces in it" "proto/a.c:9: may not include sqlite3.h"
printf '#include "a.h"\n' >>proto/a.c
expect "an include that is no path" 'is not a path from the root'
printf '/* n.c - new. */\n' >client/n.c
printf '#include <gtk/gtk.h>\n' >>client/n.c
expect "a new file in an old room" "client/n.c:2: may not include gtk/gtk.h"

long_function() {
	printf '\nint\nlong_one(void)\n{\n'
	yes '	a();' | head -n "$1"
	printf '}\n'
}
long_function 78 >>proto/a.c
checks=$((checks + 1))
sh "$here/check-tree.sh" "$dir/tree" >"$dir/out" 2>&1 || { failures=$((failures + 1)); echo "FAIL: 80 lines are allowed"; }
good_tree
long_function 79 >>proto/a.c
expect "a function of 81 lines" "81 lines in one function (long_one(void)), at most 80"
yes '/* line */' | head -n 593 >>proto/a.c
expect "a file of 601 lines" "proto/a.c: 601 lines, at most 600"
yes '# line' | head -n 601 >tests/t.py
expect "a long script" "tests/t.py: 601 lines"
printf 'int b(void) {\n\treturn 0;\n}\n' >>proto/a.c
expect "a brace at the end of a line" "proto/a.c:9: the brace of a function"
printf 'int x;\nint y;\n' >proto/x.h
expect "a file without a sentence" 'proto/x.h:1: does not open with'
printf '        int x;\n' >>proto/a.c
expect "spaces that indent" "proto/a.c:9: eight spaces"
printf '    \tint x;\n' >>proto/a.c
expect "a tab after spaces" "proto/a.c:9: a tab after spaces"
printf 'int x; \n' >>proto/a.c
expect "white space at the end" "proto/a.c:9: white space at the end"
printf '/* %0130d */\n' 0 >>proto/a.c
expect "a long line" "proto/a.c:9: 136 columns"
printf '/* %s: later */\n' TO''DO >>proto/a.c
expect "a word left open" "proto/a.c:9:/* TO""DO: later */   <- left open"
printf '/* util.c - this and that. */\n' >proto/util.c
expect "a name that says nothing" "proto/util.c: a name that says nothing"
rm -rf proto db daemon client tests
expect "an empty tree" "no sources below"

echo "100%: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
