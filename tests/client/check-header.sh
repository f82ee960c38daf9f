#!/bin/sh
# Compiles the headers that are installed as the strictest C99 and C++11 that the compilers know, and nothing before them:
# those of the event loops where their library is.
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
cat >"$dir/libevent.c" <<'END'
#include <futured-libevent.h>
int main(void)
{
	futured_libevent *attached = NULL;
	futured_libevent_free(attached);
	return futured_libevent_new(NULL, NULL, &attached);
}
END
sed 's/libevent/libuv/' "$dir/libevent.c" >"$dir/libuv.c"

checks=0
# check NAME FLAG...: the program NAME.c, in each language that there is a compiler for.
check() {
	name=$1
	shift
	cp "$dir/$name.c" "$dir/$name.cc"
	set -- -pedantic -Wall -Wextra -Werror "-I$header" -fsyntax-only "$@"
	for standard in c99 c11; do
		${CC:-cc} -std=$standard "$@" "$dir/$name.c" || exit 1
		checks=$((checks + 1))
	done
	for cxx in "${CXX:-c++}" g++ clang++; do
		command -v "$cxx" >/dev/null || continue
		"$cxx" -std=c++11 "$@" "$dir/$name.cc" || exit 1
		checks=$((checks + 1))
	done
}

check use
# System headers, so that what they do is not held against us.
for package in libevent_core libuv; do
	if pkg-config --exists "$package" 2>/dev/null; then
		# shellcheck disable=SC2046 # a list of words
		check "${package%_core}" -D_POSIX_C_SOURCE=200809L $(pkg-config --cflags "$package" | sed 's/-I/-isystem /g')
	fi
done
echo "100%: Checks: $checks, Failures: 0, Errors: 0"
