"""test_documents.py - what the documents name is what there is: commands and options of the manual pages against --help, exit
codes, and the files of HACKING.md."""
import os
import re
import shutil
import subprocess
import sys
import unittest

BUILD = os.path.abspath(os.environ.get("FUTURED_BUILDDIR", "."))
SOURCE = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def page(name):
    """The source of a manual page without what is only for the eye."""
    return re.sub(r"\\f[A-Z]", "", read("man", name)).replace("\\-", "-")


def parts(text, macro):
    """{title: text} of its .SH or .SS."""
    return {title.strip('"'): body for title, body in
            re.findall(rf"^\.{macro} (.*)\n((?:(?!\.{macro} ).*\n)*)", text, re.MULTILINE)}


def tagged(text):
    """The options that have an entry."""
    return {option for tag in re.findall(r"^\.(?:TP|TQ)\n(.*)$", text, re.MULTILINE) for option in OPTION.findall(tag)}


def help_of(*command):
    return subprocess.run([os.path.join(BUILD, command[0]), *command[1:], "--help"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def listed(text):
    """The options in the left column of a help text."""
    columns = re.findall(r"^ +(-.*?)(?:  |$)", text.partition("Options:\n")[2], re.MULTILINE)
    return {option for column in columns for option in OPTION.findall(column)}


class Futurectl(unittest.TestCase):
    def setUp(self):
        self.help = help_of("futurectl")
        self.sections = parts(page("futurectl.1"), "SH")
        self.commands = {}
        for title, body in parts(self.sections["COMMANDS"] + ".SH \n", "SS").items():
            name = title.split()[0].rstrip(",")
            self.commands.setdefault(name, []).append((title, body))

    def documented(self, name):
        """The options that the page gives a command, those by reference included."""
        options = set()
        for title, body in self.commands[name]:
            options |= set(OPTION.findall(title)) | tagged(body)
            if re.search(r"(?s)(Options as of\s+\.BR promise|options of\s+\.B create\s+from\s+\.B --key)", body):
                creation = self.commands["create"][0][1]
                options |= tagged(creation[creation.index(".BI --key"):]) | {"--key"}
        return options

    def test_commands(self):
        names = re.findall(r"^  (\w+)", self.help.split("Commands:\n")[1].split("\n\n")[0], re.MULTILINE)
        self.assertGreater(len(names), 25)
        self.assertEqual(sorted(names), sorted(self.commands))

    def test_options(self):
        self.assertEqual(listed(self.help), tagged(self.sections["OPTIONS"]))
        for name in self.commands:
            with self.subTest(command=name):
                self.assertEqual(self.documented(name), listed(help_of("futurectl", name)))

    def test_every_option_of_the_tables_is_told(self):
        told = {option for name in self.commands for option in listed(help_of("futurectl", name))} | listed(self.help)
        sources = [name for name in os.listdir(os.path.join(SOURCE, "client")) if name.startswith("futurectl")]
        taken = {"--" + name for source in sources
                 for name in re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument', read("client", source))}
        self.assertGreater(len(taken), 30)
        self.assertEqual(taken, {option for option in told if option.startswith("--")})

    def test_exit_codes(self):
        body = re.search(r"enum ctl_exit \{(.*?)\};", read("client", "futurectl.h"), re.DOTALL).group(1)
        codes = {int(code) for code in re.findall(r"= (\d+)", body)} - {256}
        self.assertEqual(codes, {int(code) for code in re.findall(r"^(\d+)\t", self.sections["EXIT STATUS"], re.MULTILINE)})
        self.assertEqual(codes, {int(code) for code in re.findall(r"(\d+) [a-z]", self.help.split("Exit codes:")[1])})


class Daemon(unittest.TestCase):
    def test_options(self):
        sections = parts(page("futured.8"), "SH")
        options = set(re.findall(r"^  (--[a-z-]+)", help_of("futured"), re.MULTILINE))
        self.assertGreater(len(options), 6)
        self.assertEqual(options, tagged(sections["OPTIONS"]))
        self.assertEqual(options, set(OPTION.findall(sections["SYNOPSIS"])))


class Pages(unittest.TestCase):
    @unittest.skipUnless(shutil.which("groff"), "groff is not here")
    def test_no_warnings(self):
        for name in sorted(os.listdir(os.path.join(SOURCE, "man"))):
            if re.search(r"\.\d$", name):
                with self.subTest(page=name):
                    path = os.path.join(SOURCE, "man", name)
                    done = subprocess.run(["groff", "-t", "-man", "-Tutf8", "-ww", "-rLL=100n", path], text=True, capture_output=True)
                    self.assertEqual(done.stderr, "")


class Map(unittest.TestCase):
    def test_files_of_hacking(self):
        """Each file and folder that HACKING.md names exists; a bare name is one of the tree."""
        text = read("HACKING.md")
        names = set()
        for folder, folders, files in os.walk(SOURCE):
            folders[:] = [name for name in folders if not name.startswith(".")]
            names.update(files)
        named = set(re.findall(r"`([\w./-]+\.(?:c|h|py|sh|md|sql|json|inc|\d))`", text))
        self.assertGreater(len(named), 40)
        for name in sorted(named):
            with self.subTest(name=name):
                self.assertTrue(os.path.exists(os.path.join(SOURCE, name)) or ("/" not in name and name in names))
        folders = re.findall(r"`([\w./-]+/)`", text)
        self.assertGreater(len(folders), 8)
        for folder in folders:
            with self.subTest(folder=folder):
                self.assertTrue(folder == "build/" or os.path.isdir(os.path.join(SOURCE, folder)) or
                                os.path.isdir(os.path.join(SOURCE, "tests", folder)))

    def test_folders_of_the_tree(self):
        rows = "\n".join(line for line in read("HACKING.md").splitlines() if line.startswith("|"))
        for folder in ("proto", "db", "daemon", "daemon/ipc", "daemon/broker", "daemon/remote", "client", "profiles", "systemd",
                       "man", "examples", "docs", "tests"):
            with self.subTest(folder=folder):
                self.assertIn(f"`{folder}/`", rows)


if __name__ == "__main__":
    program = unittest.main(exit=False, argv=sys.argv[:1] + ["-v"] + sys.argv[1:])
    result = program.result
    print(f"100%: Checks: {result.testsRun}, Failures: {len(result.failures)}, Errors: {len(result.errors)}")
    sys.exit(not result.wasSuccessful())
