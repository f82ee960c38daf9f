#!/bin/sh
# Checks the tree itself: who includes whom, sizes, layout, words left behind. Usage: check-tree.sh [DIR]
set -u
root=${1:-${srcdir:-.}}

# What a file may include. The first row whose pattern fits the file's path counts; a pattern ends at
# a '/' or as written. An entry is a header, a folder of ours (ends in '/'), or a set from the table below.
rules='
proto/               proto/ libc msgpack.h
db/                  db/ libc sqlite3.h pthread.h
daemon/broker/       daemon/broker/ pure proto/error.h proto/id.h proto/limits.h proto/slice.h db/store.h uthash.h
daemon/ipc/          daemon/ipc/ daemon/broker/ daemon/log.h proto/ libc event2/ msgpack.h
daemon/remote/http   daemon/remote/ daemon/log.h proto/error.h proto/id.h proto/limits.h proto/slice.h libc event2/ curl/
daemon/remote/command daemon/remote/ daemon/log.h proto/error.h libc event2/
daemon/remote/       daemon/remote/ daemon/broker/remote.h daemon/broker/policy.h daemon/log.h proto/error.h proto/id.h proto/limits.h proto/slice.h proto/utf8.h libc jansson.h
daemon/              daemon/ db/store.h proto/ libc event2/ ini.h systemd/
client/futured.h     libc
client/futured-libevent.h futured.h libc event2/
client/futured-libuv.h futured.h libc uv.h
client/futurectl     client/futurectl client/futured.h futured.h libc jansson.h
client/              client/ proto/ libc msgpack.h
examples/libevent.c  futured-libevent.h libc event2/
examples/libuv.c     futured-libuv.h libc
examples/            futured.h libc
tests/               *
bench/               *
'
# The C library; "pure" is the part of it that neither reads a clock nor does input or output of its own.
pure='assert.h ctype.h errno.h float.h inttypes.h limits.h math.h stdarg.h stdbool.h stddef.h stdint.h stdio.h
 stdlib.h string.h strings.h sys/types.h'
libc="$pure arpa/ dirent.h fcntl.h getopt.h grp.h linux/ locale.h net/ netdb.h netinet/ poll.h pwd.h search.h signal.h spawn.h sys/ sysexits.h
 termios.h time.h unistd.h"

max_file=600
max_function=80
max_line=130
words='\b(TO''DO|FIX''ME|XX''X|HA''CK)\b'

cd "$root" || exit 1
list=$(mktemp) || exit 1
found=$(mktemp) || exit 1
trap 'rm -f "$list" "$found"' EXIT

# The files of the project, whether or not this is a checkout.
for dir in proto db daemon client examples profiles systemd tests bench man docs; do
	[ ! -d "$dir" ] || find "$dir" -type f
done | sort >"$list"
c_files=$(grep '\.[ch]$' "$list")
text_files=$(grep -E '\.([ch]|py|sh|sql|inc|md|in|1|3|5|7|8)$' "$list")
if [ -z "$c_files" ]; then
	echo "check-tree: no sources below $root"
	exit 1
fi

# Includes: every #include of every C file against the rules.
grep -HnE '^[[:space:]]*#[[:space:]]*include' $c_files | awk -v rules="$rules" -v pure="$pure" -v libc="$libc" '
	BEGIN {
		n = split(rules, row, "\n")
		for (i = 1; i <= n; i++) {
			if (split(row[i], word, " ") == 0)
				continue
			pattern[++patterns] = word[1]
			sub(/^[^ ]+ +/, "", row[i])
			allowed[patterns] = " " row[i] " "
			sub(/ libc /, " " libc " ", allowed[patterns])
			sub(/ pure /, " " pure " ", allowed[patterns])
		}
	}
	function fits(header, list,    entry, count, i) {
		count = split(list, entry, /[ \n]+/)
		for (i = 1; i <= count; i++) {
			if (entry[i] == "")
				continue
			if (entry[i] == "*" || entry[i] == header)
				return 1
			if (entry[i] !~ /\.h$/ && index(header, entry[i]) == 1)
				return 1
		}
		return 0
	}
	{
		split($0, part, ":")
		file = part[1]
		header = $0
		sub(/^[^"<]*["<]/, "", header)
		sub(/[">].*/, "", header)
		if (header == "config.h")
			next
		for (i = 1; i <= patterns; i++)
			if (index(file, pattern[i]) == 1)
				break
		if (i > patterns)
			print file ":" part[2] ": no rule says what this file may include"
		else if (!fits(header, allowed[i]))
			print file ":" part[2] ": may not include " header
		if ($0 ~ /include *"/ && header !~ /\//)
			print file ":" part[2] ": \"" header "\" is not a path from the root"
	}' >>"$found"

# Sizes: lines of a file, lines of a function (K&R: both its braces in the first column).
for file in $(grep -E '\.([ch]|py|sh)$' "$list"); do
	awk -v file="$file" -v max="$max_file" '
		END { if (NR > max) print file ": " NR " lines, at most " max }' "$file"
done >>"$found"
awk -v max="$max_function" '
	FNR == 1 { open = 0; before = "" }
	/^\{/ { open = FNR; name = before }
	/^}/ {
		if (open && FNR - open + 1 > max)
			print FILENAME ":" open ": " FNR - open + 1 " lines in one function (" name "), at most " max
		open = 0
	}
	/^[a-z].*\)[ \t]*\{[ \t]*$/ && !/^(struct|enum|union|extern)[^(]*\{/ {
		print FILENAME ":" FNR ": the brace of a function goes to the first column of its own line"
	}
	/^[^ \t{}]/ { before = $0 }' $c_files >>"$found"

# Layout: tabs indent, lines end where their text does, each file opens by saying what it is for.
awk -v max="$max_line" '
	FNR == 1 {
		base = FILENAME
		sub(/.*\//, "", base)
		opened = index($0, "/* " base " - ") == 1
	}
	FNR == 2 && !opened && index($0, " * " base " - ") != 1 {
		print FILENAME ":1: does not open with \"/* " base " - what it is for\""
	}
	/^        / { print FILENAME ":" FNR ": eight spaces where a tab belongs" }
	/^ +\t/ { print FILENAME ":" FNR ": a tab after spaces" }
	/[ \t\r]$/ { print FILENAME ":" FNR ": white space at the end" }
	{
		line = $0
		gsub(/\t/, "        ", line)
		if (length(line) > max)
			print FILENAME ":" FNR ": " length(line) " columns, at most " max
	}' $c_files >>"$found"

# Words that say the work is not done.
grep -HnE "$words" $text_files | sed 's/$/   <- left open/' >>"$found"

# Names that say nothing.
grep -E '/(utils?|misc|common|helpers?)\.[ch]$' "$list" | sed 's/$/: a name that says nothing/' >>"$found"

if [ -s "$found" ]; then
	cat "$found"
	echo "check-tree: $(wc -l <"$found") findings"
	exit 1
fi
echo "check-tree: $(wc -l <"$list") files are as they should be"
