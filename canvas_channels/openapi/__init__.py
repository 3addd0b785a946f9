"""The API's description in OpenAPI 3.1: ``openapi.yaml``, written by hand, and what reads it.

Programs get it as JSON, people as pages; tests compare it with the code.
"""

from pathlib import Path

FILE = Path(__file__).parent / "openapi.yaml"
