"""The API's description in OpenAPI 3.1: ``openapi.json``, which is served, and what makes it.

``manage.py openapi`` writes the file; a test compares it with the code. So no web process has to load
drf-spectacular, and a change of the API shows in a diff.
"""

from pathlib import Path

FILE = Path(__file__).parent / "openapi.json"
