"""The tests: one folder a package, and folders for what is tested as a whole. See docs/architecture.md."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
