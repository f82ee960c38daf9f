"""test_install.py - what `make install` puts where, and that the README's examples run against it."""
import os
import re
import subprocess
import tempfile
import unittest

import harness
from operations import OperationsTest

MAKE = os.environ.get("MAKE", "make")
CC = os.environ.get("CC", "cc")


def variables():
    """The directories that configure chose, from the Makefile."""
    with open(os.path.join(harness.BUILD, "Makefile")) as file:
        found = dict(re.findall(r"^(\w+) = (.*)$", file.read(), re.M))

    def expand(text):
        return re.sub(r"\$[({](\w+)[)}]", lambda match: expand(found[match[1]]), text)
    return {name: expand(found[name]) for name in
            ("prefix", "bindir", "libdir", "includedir", "mandir", "datadir", "sysconfdir", "systemdsystemunitdir",
             "systemduserunitdir", "sysusersdir") if name in found}


def code_of(language):
    """The README's examples in that language."""
    with open(os.path.join(harness.SOURCE, "README.md")) as file:
        return re.findall(rf"^```{language}\n(.*?)^```$", file.read(), re.M | re.S)


def setUpModule():
    global place, root
    place = tempfile.TemporaryDirectory(prefix="futured-install-")
    root = place.name
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run([MAKE, "-s", "install", f"DESTDIR={root}"], cwd=harness.BUILD, env=env,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def tearDownModule():
    place.cleanup()

HEADERS = ["futured.h", "futured-libevent.h", "futured-libuv.h"]


class Install(unittest.TestCase):
    def setUp(self):
        self.dirs = variables()

    def file(self, directory, name):
        path = root + os.path.join(self.dirs[directory], name)
        self.assertTrue(os.path.isfile(path), path)
        return path

    def test_every_file_is_in_its_place(self):
        for directory, names in {
                "bindir": ["futured", "futurectl"],
                "libdir": ["libfutured.so", "libfutured.so.0", "pkgconfig/libfutured.pc"],
                "includedir": HEADERS,
                "mandir": ["man1/futurectl.1", "man5/futured.conf.5", "man8/futured.8"],
                "datadir": ["futured/profiles/google-lro.json"],
                "systemdsystemunitdir": ["futured.service", "futured.socket"],
                "systemduserunitdir": ["futured.service", "futured.socket"],
                "sysusersdir": ["futured.conf"]}.items():
            for name in names:
                with self.subTest(directory=directory, name=name):
                    self.file(directory, name)

    def test_nothing_else_is_installed(self):
        """No tests, no internal headers, no archives."""
        for directory, _, names in os.walk(root):
            for name in names:
                self.assertFalse(name.endswith((".a", ".o", ".py", ".c")) or
                                 (name.endswith(".h") and name not in HEADERS), os.path.join(directory, name))

    def test_the_units_name_the_installed_daemon(self):
        for directory in ("systemdsystemunitdir", "systemduserunitdir"):
            with open(self.file(directory, "futured.service")) as file:
                self.assertRegex(file.read(), rf"(?m)^ExecStart={re.escape(self.dirs['bindir'])}/futured( |$)")

    def test_the_header_compiles_as_c99_and_cxx11(self):
        source = '#include <futured.h>\nint main(void) { return futured_version() == 0; }\n'
        for language, standard, compiler in (("c", "c99", CC), ("c++", "c++11", CC.replace("clang", "clang++"))):
            done = subprocess.run([*compiler.split(), "-x", language, f"-std={standard}", "-pedantic", "-Wall", "-Wextra",
                                   "-Werror", "-fsyntax-only", f"-I{root}{self.dirs['includedir']}", "-"],
                                  input=source, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_only_the_public_names_are_exported(self):
        done = subprocess.run(["nm", "-D", "--defined-only", self.file("libdir", "libfutured.so")],
                              capture_output=True, text=True)
        names = [line.split()[-1].split("@")[0] for line in done.stdout.splitlines()]
        names = [name for name in names if not name.startswith(("LIBFUTURED", "__asan", "__ubsan", "__odr"))]
        self.assertIn("futured_open", names)
        with open(self.file("includedir", "futured.h")) as file:
            header = file.read()
        for name in names:
            self.assertRegex(name, r"^futured_\w+$")
            self.assertIn(name + "(", header)


class Examples(OperationsTest):
    """The README's examples, as they stand there."""

    def environment(self):
        dirs = variables()
        return dict(self.home.env, FUTURED_SOCKET=self.home.socket, BASE=self.google.url,
                    PATH=root + dirs["bindir"] + ":" + self.home.env["PATH"],
                    LD_LIBRARY_PATH=root + dirs["libdir"],
                    PKG_CONFIG_PATH=root + os.path.join(dirs["libdir"], "pkgconfig"), CC=CC)

    @unittest.skipIf(harness.SANITIZED, "the example is not built with the sanitizers' runtime")
    def test_c(self):
        (source,) = code_of("c")
        self.google.add("operations/123", polls=1, response=b'{"n": 1}')
        path = os.path.join(self.home.path, "example.c")
        with open(path, "w") as file:
            file.write(source)
        env = self.environment()
        flags = subprocess.run(["pkg-config", "--define-prefix", "--cflags", "--libs", "libfutured"], env=env,
                               capture_output=True, text=True)
        self.assertEqual(flags.returncode, 0, flags.stderr)
        program = os.path.join(self.home.path, "example")
        done = subprocess.run([*CC.split(), "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program, path,
                               *flags.stdout.split()], env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([program, self.google.url, "operations/123"], env=env, capture_output=True, text=True,
                              timeout=harness.PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (0, '{"n": 1}'), done.stderr)

    def run_shell(self, command):
        """The example of the README that has this command in it."""
        (example,) = [code for code in code_of("sh") if command in code]
        done = subprocess.run(["/bin/sh", "-e", "-c", example], env=self.environment(), cwd=self.home.path,
                              capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def file(self, name, text):
        with open(os.path.join(self.home.path, name), "w") as file:
            file.write(text)

    def content(self, name):
        with open(os.path.join(self.home.path, name)) as file:
            return file.read()

    @unittest.skipIf(harness.SANITIZED, "the installed library needs the sanitizers' runtime")
    def test_shell(self):
        self.google.add("operations/123", polls=1, response=b'{"n": 1}')
        self.run_shell("futurectl create google-lro")
        self.assertEqual(self.content("result.json"), '{"n": 1}')

    @unittest.skipIf(harness.SANITIZED, "the installed library needs the sanitizers' runtime")
    def test_shell_without_a_service(self):
        self.file("specs.jsonl", '{"kind": "timer", "delay": 0.01}\n' * 3)
        self.file("publish.json", '{"kind": "promise"}')
        self.run_shell("futurectl create --batch")
        ids = self.content("ids").split()
        self.assertEqual([self.content(f"{made}.json") for made in ids], ["null"] * 3)


if __name__ == "__main__":
    harness.main()
