"""Clients that generators make of the API's description: they compile, and call the production server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from canvas_channels.openapi import reading
from tests.factories import make_channel, make_token, make_user
from tests.live import LiveServer
from tests.programs import need

SECONDS = 100  # for one step, on a busy machine
TSC = ["tsc", "--strict", "--target", "es2022", "--module", "commonjs", "--rootDir", ".", "--types", ""]
# The names of what the two generators write are their own: those of the description, in each language's way.
PYTHON = """
import sys
from client import AuthenticatedClient
from client.api.channels import create_communication_channel, list_communication_channels
from client.models import (
    CreateCommunicationChannelBody as Body,
    CreateCommunicationChannelBodyCommunicationChannel as Channel,
    CreateCommunicationChannelBodyCommunicationChannelType as Type,
)
url, token = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=token) as client:
    body = Body(communication_channel=Channel(type_=Type.EMAIL, address="new@example.com"))
    create_communication_channel.sync("self", client=client, body=body)
    print(*(one.address for one in list_communication_channels.sync("self", client=client)))
    for incomplete in (lambda: create_communication_channel.sync("self", client=client), Body, Channel):
        try:
            incomplete()
        except TypeError:
            pass
        else:
            raise AssertionError(incomplete)
"""
TYPESCRIPT = """
import { ChannelsApi, Configuration } from "./client";
declare const process: { argv: string[] };
const [url, token] = process.argv.slice(2);
// The generator writes the scheme before a token of its own, but not before one by OAuth 2.
const accessToken = async (way?: string) => (way === "oauth2" ? `Bearer ${token}` : token);
const api = new ChannelsApi(new Configuration({ basePath: url, accessToken }));
const communicationChannel = { type: "email", address: "new@example.com" } as const;
const createCommunicationChannelRequest = { communicationChannel };
api.createCommunicationChannel({ userId: "self", createCommunicationChannelRequest })
  .then(() => api.listCommunicationChannels({ userId: "self" }))
  .then((channels) => console.log(...channels.map((channel) => channel.address)));
"""
INCOMPLETE = """
import { ChannelsApi, CustomDataApi } from "./client";
new ChannelsApi().createCommunicationChannel({ userId: "self" });
new ChannelsApi().createCommunicationChannel({ userId: "self", createCommunicationChannelRequest: {} });
new CustomDataApi().deleteCustomData({ userId: "self" });
"""


def start(folder: Path, *command: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def run(folder: Path, *command: str, **environ: str) -> str:
    done = start(folder, *command, **environ)
    assert done.returncode == 0, (command, done.stdout[-5_000:], done.stderr[-5_000:])
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "openapi.json").write_bytes(reading.as_json())
    return tmp_path


@pytest.fixture
def person(server: LiveServer, transactional_db: None) -> list[str]:
    """Where the server is, and a token of somebody with a channel."""
    user = make_user()
    make_channel(user, "sheldon@caltech.example.com")
    return [server.url, make_token(user)]


def test_python(folder: Path, person: list[str]) -> None:
    (folder / "settings.json").write_text(json.dumps({"post_hooks": []}))
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json"]
    generate += ["--meta", "none", "--output-path", "client", "--config", "settings.json"]
    run(folder, *generate)
    run(folder, sys.executable, "-W", "error", "-m", "compileall", "-q", "client")
    (folder / "use.py").write_text(PYTHON)
    said = run(folder, sys.executable, "use.py", *person, PYTHONPATH=str(folder))
    assert said == "sheldon@caltech.example.com new@example.com\n"


@pytest.fixture
def typescript(folder: Path) -> Path:
    for program in ("java", "node", "tsc"):
        need(program)
    generator = Path(sys.executable).with_name("openapi-generator-cli")
    generate = [str(generator), "generate", "--generator-name", "typescript-fetch"]
    generate += ["--input-spec", "openapi.json", "--output", "client"]
    run(folder, *generate, JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1")
    return folder


def test_typescript(typescript: Path, person: list[str]) -> None:
    (typescript / "use.ts").write_text(TYPESCRIPT)
    run(typescript, *TSC, "--outDir", "built", "use.ts")
    assert run(typescript, "node", "built/use.js", *person) == "sheldon@caltech.example.com new@example.com\n"
    (typescript / "incomplete.ts").write_text(INCOMPLETE)
    done = start(typescript, *TSC, "--noEmit", "incomplete.ts")
    told = [line for line in done.stdout.splitlines() if line.startswith("incomplete.ts")]
    assert [line.split("(")[1].split(",")[0] for line in told] == ["3", "4", "5"], done.stdout
