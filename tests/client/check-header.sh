#!/bin/sh
# Compiles futured.h as the strictest C99 and C++11 that the compilers know, and nothing before it.
set -u
header=${srcdir:-.}/client
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

cat >"$dir/use.c" <<'END'
#include <futured.h>
#include <futured.h>
int main(void)
{
	struct futured_options options = FUTURED_OPTIONS_INIT;
	struct futured_create_options create = FUTURED_CREATE_INIT;
	struct futured_subscribe_options subscribe = FUTURED_SUBSCRIBE_INIT;
	futured *connection;
	return futured_open(create.profile, &options, &connection) == 0 && subscribe.since != FUTURED_TIME_NONE;
}
END
cp "$dir/use.c" "$dir/use.cc"

set -- -pedantic -Wall -Wextra -Werror "-I$header" -fsyntax-only
${CC:-cc} -std=c99 "$@" "$dir/use.c" || exit 1
${CC:-cc} -std=c11 "$@" "$dir/use.c" || exit 1
checks=2
for cxx in "${CXX:-c++}" g++ clang++; do
	command -v "$cxx" >/dev/null || continue
	"$cxx" -std=c++11 "$@" "$dir/use.cc" || exit 1
	checks=$((checks + 1))
done
echo "100%: Checks: $checks, Failures: 0, Errors: 0"
