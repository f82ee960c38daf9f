"""activation.py - hands a listening socket to the daemon, as a service manager does."""
import os
import socket

import harness


def hand_over(daemon, listener):
    """Start the daemon as a service manager does: the listening socket is its fd 3."""
    command = [harness.FUTURED, "--state-dir", daemon.home.state, "--profile-dir", harness.PROFILES, *daemon.arguments]
    daemon.env.update(LISTEN_FDS="1", LISTEN_FDNAMES="futured.socket")
    daemon.spawn(["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command],
                 pass_fds=(3,), preexec_fn=lambda: os.dup2(listener.fileno(), 3))
    daemon.wait_for("READY=1")


def listen(test):
    """Make the socket for a DaemonTest, kept open here as by the service manager, and start its daemon with it."""
    test.home.socket = os.path.join(test.home.path, "given.sock")
    test.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    test.addCleanup(test.listener.close)
    test.listener.bind(test.home.socket)
    test.listener.listen(64)
    hand_over(test.daemon, test.listener)
