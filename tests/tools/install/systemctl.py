#!/usr/bin/python3
"""As much of systemctl as docs/install.md uses, for a machine on which systemd does not run.

Services run in the network namespace that /run/network names, and write to /run/<unit>.log.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
SECONDS = 60


def service_of(unit: str) -> dict[str, str]:
    """What a unit's [Service] says; nothing that is used here is there twice."""
    text = (UNITS / f"{unit}.service").read_text().replace("\\\n", " ")
    lines = text.partition("[Service]\n")[2].partition("\n[")[0].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def settings_in(file: str) -> list[str]:
    """NAME=value, as systemd reads an EnvironmentFile: root does, not the service."""
    lines = (line.strip() for line in Path(file).read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line and line[0] not in "#;")
    return [f"{name}={''.join(shlex.split(value))}" for name, value in pairs]


def start(unit: str) -> None:
    service = service_of(unit)
    command = ["nsenter", "--net=/run/network", "setpriv", f"--reuid={service['User']}"]
    command += [f"--regid={service['Group']}", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
    command += ["env", "-i", "PATH=/usr/bin:/bin", *shlex.split(service["Environment"])]
    command += settings_in(service["EnvironmentFile"])
    with Path(f"/run/{unit}.log").open("ab") as log:
        if before := service.get("ExecStartPre"):
            told = [*command, *shlex.split(before)]
            directory = service["WorkingDirectory"]
            subprocess.run(told, cwd=directory, stdout=log, stderr=log, check=True, timeout=SECONDS)
        process = subprocess.Popen(
            [*command, *shlex.split(service["ExecStart"])],
            cwd=service["WorkingDirectory"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    Path(f"/run/{unit}.pid").write_text(str(process.pid))


def stop(unit: str) -> None:
    pid = int(Path(f"/run/{unit}.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + SECONDS
    while Path(f"/proc/{pid}/stat").exists() and ") Z" not in Path(f"/proc/{pid}/stat").read_text():
        if time.monotonic() > until:
            sys.exit(f"{unit} does not end")
        time.sleep(0.1)


def main(verb: str, *arguments: str) -> None:
    for unit in (argument for argument in arguments if not argument.startswith("-")):
        if not (UNITS / f"{unit}.service").exists():  # a package's own, which has an init script too
            subprocess.run(
                ["nsenter", "--net=/run/network", "service", unit, verb], check=True, timeout=SECONDS
            )
            continue
        if verb == "restart":
            stop(unit)
        start(unit)


if __name__ == "__main__":
    main(*sys.argv[1:])
