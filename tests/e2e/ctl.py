"""ctl.py - what tests of the command line have in common."""


class CommandLine:
    """Beside a DaemonTest: futurectl runs, and its exit status is checked."""

    def ctl(self, *arguments, status=0, **options):
        done = self.daemon.ctl(*arguments, **options)
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        if status in (2, 4, 5, 6, 7, 75):
            self.assertTrue(done.stderr.strip(), f"{arguments}: exit {status} without a word")
            self.assertFalse(done.stdout, f"{arguments}: an error on stdout")
        return done.stdout

    def complaint(self, *arguments, status, **options):
        """What it says when it exits so; nothing is printed."""
        done = self.daemon.ctl(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (status, ""), (arguments, done.stderr))
        return done.stderr

    def made(self, *arguments, **options):
        """The id that a command prints."""
        out = self.ctl(*arguments, **options)
        self.assertRegex(out, r"^[0-9a-f-]{36}\n$")
        return out.strip()
