"""test_parity.py - docs/parity.md names tests and functions that exist, and tests/conformance/README.md the tests that answer
those of others; and what does not is found."""
import os
import re
import sys
import unittest

ROOT = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
# Of a table's row: what it is in the page's own words, and which cells are ours and the tests'.
COLUMNS = {"| there | what it does | here | shown by |": (2, 3), "| wish | where it came up | here | shown by |": (2, 3),
           "| feature | who has it | here | shown by |": (2, 3)}
TEST = re.compile(r"`([\w/]+\.(?:py|c))::(\w+)`")


class Tree:
    """The project, as far as the page speaks of it."""

    def __init__(self, root):
        self.root = root
        self.header = self.read("client/futured.h")
        self.protocol = self.read("proto/PROTOCOL.md")
        self.commands = self.read("client/futurectl.c")
        self.lists = "".join(self.read(os.path.join(directory, "Makefile.inc"))
                             for directory, _, files in os.walk(os.path.join(root, "tests")) if "Makefile.inc" in files)
        self.tests = {}            # file -> the names of its tests

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def names(self, path):
        """The tests in a file; None when there is no such file."""
        if path not in self.tests:
            try:
                text = self.read(os.path.join("tests", path))
            except FileNotFoundError:
                text = None
            form = r"START_TEST\((\w+)\)" if path.endswith(".c") else r"^    (?:async )?def (test_\w+)\("
            self.tests[path] = None if text is None else set(re.findall(form, text, re.M))
        return self.tests[path]

    def conformance(self):
        """The files of tests that answer those of others."""
        return [name for name in os.listdir(os.path.join(self.root, "tests", "conformance")) if name.startswith("test_")]

    def problem_of_test(self, path, name):
        names = self.names(path)
        if names is None:
            return f"there is no tests/{path}"
        if name not in names:
            return f"tests/{path} has no {name}"
        if not re.search(rf"\btests/{re.escape(path.removesuffix('.c'))}(?![\w/])", self.lists):
            return f"tests/{path} is not run by make check"
        return None

    def unknown(self, text):
        """The names of ours in a text that are not there."""
        for name in re.findall(r"`(futured_\w+)\(\)`", text):
            if not re.search(rf"\b{name}\(", self.header):
                yield name + "()"
        for name in re.findall(r"`(FUTURED_\w+)`", text):
            if not re.search(rf"\b{name}\b", self.header):
                yield name
        for name in re.findall(r"`((?:future|server)\.\w+)`", text):
            if not re.search(rf"^### .*\b{re.escape(name)}\b", self.protocol, re.M):
                yield name
        for name in re.findall(r"`futurectl (\w+)", text):
            if f'{{ "{name}",' not in self.commands:
                yield "futurectl " + name


def rows(page):
    """(line, cells, columns) of each row of each table."""
    columns = None
    for number, line in enumerate(page.splitlines(), 1):
        if line in COLUMNS:
            columns = COLUMNS[line]
        elif not line.startswith("|"):
            columns = None
        elif columns is None:
            yield number, line, None
        elif not re.fullmatch(r"[|\-]+", line):
            yield number, line.strip("|").split("|"), columns


def problems(page, tree):
    """What is wrong with the page, a line each; and how many rows and tests it has."""
    found, seen, tests = [], 0, set()
    for number, cells, columns in rows(page):
        if columns is None or len(cells) != 4:
            found.append(f"{number}: not a row of a table that is known here")
            continue
        seen += 1
        here, shown = (cells[i] for i in columns)
        named = TEST.findall(shown)
        tests.update(named)
        if not named or TEST.sub("", shown).strip():
            found.append(f"{number}: tests are to be named `file::test`, one at least")
        found += [f"{number}: {problem}" for test in named if (problem := tree.problem_of_test(*test))]
        found += [f"{number}: there is no {name}" for name in tree.unknown(here)]
    return found, seen, len(tests)


THEIRS = {"| theirs | ours | names |": True, "| theirs | name | why |": False}


def counterparts(page, tree):
    """What is wrong with the tables of counterparts, a line each; and how many names have one, and have none."""
    found, count, answered = [], {True: 0, False: 0}, None
    for number, line in enumerate(page.splitlines(), 1):
        answered = THEIRS.get(line, answered if line.startswith("|") else None)
        if answered is None or line in THEIRS or not line.startswith("|") or re.fullmatch(r"[|\-]+", line):
            continue
        theirs, second, third = (cell.strip() for cell in line.strip("|").split("|"))
        files = re.findall(r"`(\w+\.py)`", second) if answered else tree.conformance()
        names = (third if answered else second).split()
        count[answered] += len(names)
        have = set().union(*(tree.names("conformance/" + file) or () for file in files))
        for name in names:
            if answered and "test_" + name not in have:
                found.append(f"{number}: {second} has no test_{name} of {theirs}")
            elif not answered and "test_" + name in have:
                found.append(f"{number}: there is a test_{name} by now")
        if not names or not theirs or not third:
            found.append(f"{number}: not a row")
        if answered:
            found += [f"{number}: {problem}" for file in files for name in sorted(tree.names("conformance/" + file) or ("",))[:1]
                      if (problem := tree.problem_of_test("conformance/" + file, name))]
    return found, count[True], count[False]


class Counterparts(unittest.TestCase):
    maxDiff = None

    def test_each_of_theirs_has_one(self):
        tree = Tree(ROOT)
        found, answered, meaningless = counterparts(tree.read("tests/conformance/README.md"), tree)
        self.assertEqual(found, [])
        print(f"{answered} tests of others have a counterpart, {meaningless} have none")
        self.assertGreater(answered, 350)
        self.assertLess(meaningless, 10)

    def test_what_is_not_there_is_found(self):
        tree = Tree(ROOT)
        head = "| theirs | ours | names |\n|---|---|---|\n"
        self.assertEqual(counterparts(head + "| a | `test_wait.py` `test_future.py` | timeout cancel |\n", tree), ([], 2, 0))
        for row, problem in (("| a | `test_wait.py` | timeout cancel |", "has no test_cancel"),
                             ("| a | `test_weight.py` | timeout |", "there is no tests/conformance/test_weight.py"),
                             ("| a | `test_wait.py` | |", "not a row")):
            self.assertIn(problem, "\n".join(counterparts(head + row + "\n", tree)[0]))
        head = "| theirs | name | why |\n|---|---|---|\n"
        self.assertIn("by now", counterparts(head + "| a | timeout | b |\n", tree)[0][0])
        self.assertEqual(counterparts(head + "| a | weight | b |\n", tree), ([], 0, 1))


class Parity(unittest.TestCase):
    maxDiff = None

    def test_all_that_the_page_names_is_there(self):
        tree = Tree(ROOT)
        found, seen, tests = problems(tree.read("docs/parity.md"), tree)
        self.assertEqual(found, [])
        print(f"{seen} rows, {tests} tests")
        self.assertGreater(seen, 230)

    def test_what_is_not_there_is_found(self):
        head = "| there | what it does | here | shown by |\n|---|---|---|---|\n"
        good = "`conformance/test_wait.py::test_timeout`"
        tree = Tree(ROOT)
        self.assertEqual(problems(head + f"| a | b | `futured_wait()` | {good} `client/test_wait.c::duplicates` |\n", tree)[0], [])
        for row, problem in (
                (f"| a | b | `futured_weight()` | {good} |", "there is no futured_weight()"),
                (f"| a | b | `FUTURED_SOME` | {good} |", "there is no FUTURED_SOME"),
                (f"| a | b | `future.weight` | {good} |", "there is no future.weight"),
                (f"| a | b | `futurectl weight` | {good} |", "there is no futurectl weight"),
                ("| a | b | c | `conformance/test_wait.py::test_nothing` |", "has no test_nothing"),
                ("| a | b | c | `client/test_wait.c::test_timeout` |", "has no test_timeout"),
                ("| a | b | c | `conformance/test_weight.py::test_timeout` |", "there is no tests/conformance/test_weight.py"),
                ("| a | b | c | |", "one at least"),
                (f"| a | b | c | {good} and more |", "one at least"),
                (f"| a | b | {good} |", "not a row")):
            self.assertIn(problem, "\n".join(problems(head + row + "\n", tree)[0]), row)
        self.assertIn("not a row", problems(f"| a | b | c | {good} |\n", tree)[0][0])


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    bad = len(result.failures), len(result.errors)
    print(f"100%: Checks: {result.testsRun}, Failures: {bad[0]}, Errors: {bad[1]}")
    sys.exit(any(bad))
