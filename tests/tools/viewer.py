"""The viewer of the API reference: fetched by name with npm, pinned, and kept in the static files.

``scripts/viewer`` fetches the version that is pinned again; with a version, that one, and pins it.
"""

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from tests import ROOT

PACKAGE = "@scalar/api-reference"
FOLDER = ROOT / "canvas_channels" / "web" / "static" / "web" / "scalar"
PINS = Path(__file__).with_name("viewer.toml")
# Its services, none of which it shall ever ask: the name leads nowhere (RFC 6761).
SERVICES = re.compile(r"https?://(?!www\.)(?:[\w-]+\.)+scalar\.com")
NOWHERE = "https://scalar.invalid"
HEAD = "# Written by scripts/viewer: the npm package's version and hash, and that of the file made from it.\n"
SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*\n?", re.MULTILINE)


def path_of(version: str) -> Path:
    """The version is in the name, so that browsers may keep the file for ever."""
    return FOLDER / f"scalar-{version}.js"


def pins() -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(PINS.read_text())
    return found


def fetch(version: str, folder: Path) -> Path:
    """The package of a version, as npm has it."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{PACKAGE}@{version}"]
    subprocess.run(command, cwd=folder, check=True, timeout=300, stdout=subprocess.DEVNULL)
    [archive] = folder.glob("*.tgz")
    return archive


def integrity(archive: Path) -> str:
    """As npm states it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()}"


def built(archive: Path) -> bytes:
    """The script in a package, without what leads elsewhere."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/dist/browser/standalone.js")
        assert member is not None
        source = member.read().decode()
    return SERVICES.sub(NOWHERE, SOURCE_MAP.sub("", source)).rstrip().encode() + b"\n"


def main(arguments: list[str]) -> None:
    pinned = pins()
    version = arguments[0] if arguments else pinned["version"]
    with tempfile.TemporaryDirectory() as folder:
        archive = fetch(version, Path(folder))
        found = integrity(archive)
        script = built(archive)
    if version == pinned["version"] and found != pinned["integrity"]:
        sys.exit(f"{PACKAGE} {version} is not what was pinned: {found}")
    for old in FOLDER.glob("scalar-*.js"):
        old.unlink()
    path_of(version).write_bytes(script)
    now = {"version": version, "integrity": found, "sha256": hashlib.sha256(script).hexdigest()}
    PINS.write_text(HEAD + "".join(f'{name} = "{value}"\n' for name, value in now.items()))
    print(path_of(version).relative_to(ROOT))  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main(sys.argv[1:])
