"""Child processes that never outlive the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def dies_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A ``preexec_fn`` that has the kernel signal the child when this process ends, however it ends.

    The kernel watches the *thread* that starts the child, so call it from the main thread. It forgets
    the wish when the child changes its user, which ``subprocess`` does before it calls this. Outside
    Linux it does nothing, and a SIGKILL leaves the children behind.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask_the_kernel


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a child that leads its own process group, and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def end(processes: list[subprocess.Popen[bytes]], grace: float) -> None:
    """SIGTERM to children that lead process groups, and SIGKILL to what is left ``grace`` seconds later."""
    for process in processes:
        if process.poll() is None:
            signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + grace
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        signal_group(process, signal.SIGKILL)
        process.wait()
