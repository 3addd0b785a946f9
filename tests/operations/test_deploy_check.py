"""What Django says of the settings that docs/settings.md asks for in production."""

import os
import subprocess
import sys

from tests import ROOT

PRODUCTION = {
    "SECRET_KEY": "0123456789abcdef" * 4,
    "PUBLIC_URL": "https://channels.example.edu",
    "DATABASE_URL": "postgresql://user:password@database.example.edu/channels",
    "REDIS_URL": "redis://redis.example.edu:6379/0",
}


def test_production_settings_have_no_warning() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **PRODUCTION},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
