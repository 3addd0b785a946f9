"""Only what the service needs: no session, no middleware."""

import os
from typing import Any

import dj_database_url

SECRET_KEY = "only-for-benchmarks"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["rest_framework", "tests.tools.benchmarks.straightforward"]
ROOT_URLCONF = "tests.tools.benchmarks.straightforward.api"
DATABASES: dict[str, Any] = {
    "default": {**dj_database_url.parse(os.environ["DATABASE_URL"]), "CONN_MAX_AGE": None}
}
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tests.tools.benchmarks.straightforward.authentication.Authentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tests.tools.benchmarks.straightforward.authentication.IsSomebody"],
    "DEFAULT_PAGINATION_CLASS": "tests.tools.benchmarks.straightforward.pagination.LinkPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "PAGE_SIZE": 10,
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
}
