# schema.awk - turns schema.sql into C: the table of schema.h, one string for each "-- step N".
BEGIN {
	print "/* Made from schema.sql by schema.awk. */"
	print "#include \"db/schema.h\"\n"
	print "const struct schema_step schema_steps[] = {"
}
/^-- step [0-9]+$/ {
	if (step)
		print "\t},"
	step = $3
	print "\t{ .version = " step ", .sql ="
	next
}
step {
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	print "\t\t\"" $0 "\\n\""
}
END {
	print "\t},\n};"
	print "const size_t schema_steps_count = sizeof(schema_steps) / sizeof(schema_steps[0]);"
}
