"""A streaming replica of an embedded PostgreSQL."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canvas_channels.demo import postgres_files
from canvas_channels.demo.postgres import EmbeddedPostgres
from canvas_channels.demo.postgres_files import Account


@contextmanager
def standby_of(primary: EmbeddedPostgres, **options: str) -> Iterator[EmbeddedPostgres]:
    """It follows the primary from its present state on; ``options`` are its own settings."""
    folder = Path(tempfile.mkdtemp(prefix="test-standby-"))
    folder.chmod(0o711)  # PostgreSQL's account may pass through
    data, account = folder / "data", Account.choose()
    try:
        postgres_files.new_private_folder(account, data)
        programs = postgres_files.reachable_programs(account, data)
        command = [str(programs / "bin" / "pg_basebackup"), "--pgdata", str(data)]
        command += ["--dbname", primary.url("postgres"), "--write-recovery-conf", "--checkpoint=fast"]
        subprocess.run(
            [*command, "--no-sync"],
            check=True,
            timeout=300,
            **account.popen_options(),
        )
        settings = {"max_connections": primary.settings.get("max_connections", "100")}
        with EmbeddedPostgres(
            data, database=primary.database, durable=False, options=settings | options
        ) as standby:
            yield standby
    finally:
        postgres_files.remove_data(data)
        shutil.rmtree(folder)
