"""Starts the broker's binary so that it cannot outlive Andon. Runs as a script of its own, with ``python -I -S``.

    guard.py exec     PARENT_PID BINARY ARGUMENT…
    guard.py watchdog PIPE_FD    BINARY ARGUMENT…

``exec`` (Linux) asks the kernel to send SIGTERM when the parent dies and then becomes the binary, so the process id
stays the same. ``watchdog`` (elsewhere) stays: it starts the binary, passes signals and the exit status on, and stops
the binary when the pipe, whose other end only the parent holds, is closed.

A script instead of ``preexec_fn``, because code between fork and exec may deadlock in a process with threads.
Standard library only: it must start in a few milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
GRACE = 5.0  # seconds the binary gets between SIGTERM and SIGKILL
ORPHANED = 127
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def become(parent: int, command: list[str]) -> int:
    """Replace this process by ``command``, which gets SIGTERM when the thread that started us ends."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        sys.stderr.write(f"[ERR] prctl failed: {os.strerror(ctypes.get_errno())}\n")
        return 1
    if os.getppid() != parent:  # it died before the request was in place
        return ORPHANED
    return os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def watch(pipe: int, command: list[str]) -> int:
    """Run ``command`` until it ends or the pipe is closed; returns its exit status (128 + n for signal n)."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, _frame: object) -> None:
        if child is not None and child.poll() is None:
            child.send_signal(number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that the wakeup pipe hears of it
    os.set_inheritable(pipe, False)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    while child.poll() is None:
        ready, _, _ = select.select([pipe, wake_read], [], [], 1.0)
        if wake_read in ready:
            os.read(wake_read, 4096)
        if pipe in ready and not os.read(pipe, 4096):
            child.terminate()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
    status = child.returncode
    return status if status >= 0 else 128 - status


def main(arguments: list[str]) -> int:
    """Entry point; see the module's text for the arguments."""
    mode, number, *command = arguments
    return become(int(number), command) if mode == "exec" else watch(int(number), command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
