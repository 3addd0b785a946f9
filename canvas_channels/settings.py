"""Django's settings; those that an operator sets come from ``canvas_channels.environment``."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from corsheaders.defaults import default_headers

import canvas_channels
from canvas_channels.environment import *
from canvas_channels.operations.jobs import observe

VERSION = canvas_channels.__version__
BASE_DIR = Path(__file__).resolve().parent.parent

_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = ALLOWED_HOSTS or [str(_public.hostname)]
HTTPS = _public.scheme == "https"

INSTALLED_APPS = [
    "canvas_channels.core.identity",
    "channels_api",
    "notifications",
    "canvas_channels.operations",
    "canvas_channels.web",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "oauth2_provider",
    "axes",
    "rest_framework",
    "django_filters",
    "django_htmx",
    "procrastinate.contrib.django",
    *(["canvas_channels.demo"] if DEMO else []),
]

MIDDLEWARE = [
    "canvas_channels.core.middleware.rails_paths.as_rails",
    "canvas_channels.core.middleware.observation.observe",
    *(["canvas_channels.core.middleware.access_log.access_log"] if ACCESS_LOG else []),
    "canvas_channels.web.headers.guard",
    "django.middleware.security.SecurityMiddleware",
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),  # before any that answers
    "canvas_channels.web.errors.PageThrottle",
    "canvas_channels.core.middleware.bearer_fast_path.BearerTokenFastPath",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "canvas_channels.web.language.PageLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "canvas_channels.urls"
WSGI_APPLICATION = "canvas_channels.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "canvas_channels.web.people.acting.context",
                "canvas_channels.web.institution.context",
            ],
        },
    },
]

# The worker LISTENs for jobs, which a pooler in transaction mode does not pass on; nor is one for migrations.
if sys.argv[1:2] in (["procrastinate"], ["migrate"]):
    DATABASE, DATABASE_POOLER = DATABASE_DIRECT, ""

_pooled = DATABASE_POOLER == "transaction"
# A machine that vanishes says no goodbye. Its connections, and the locks of its transactions, would last for
# hours; a pooler has settings of its own for that.
_keepalives = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_session = (
    "-c idle_in_transaction_session_timeout=30s -c tcp_user_timeout=30s -c tcp_keepalives_idle=30"
    " -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
_given: dict[str, Any] = DATABASE.get("OPTIONS", {})


def _options(lock: float, statement: float, given: Any = _given, connect: int = 5) -> dict[str, Any]:
    """libpq's. A pooler in transaction mode knows neither prepared statements nor settings of a session.

    The limits are in seconds; 0 is without one, whatever the role's own are.
    """
    kept = {"connect_timeout": connect, "tcp_user_timeout": 30_000, **_keepalives, **given}  # 30,000 ms
    if _pooled:
        return kept
    limits = f"-c lock_timeout={lock * 1000:.0f} -c statement_timeout={statement * 1000:.0f}"
    options = f"{_session} {limits} {given.get('options', '')}".strip()
    return {**kept, "server_side_binding": True, "prepare_threshold": 2, "options": options}


_common = {
    "ENGINE": "canvas_channels.core.postgresql",
    "CONN_MAX_AGE": 60,
    "DISABLE_SERVER_SIDE_CURSORS": _pooled,
}
DATABASES: dict[str, Any] = {
    "default": {**DATABASE, **_common, "CONN_HEALTH_CHECKS": True, "OPTIONS": _options(0, 0)}
}
if DATABASE_REPLICA:  # where it is slow, the primary would have answered
    _little = {"OPTIONS": _options(1, 1, DATABASE_REPLICA.get("OPTIONS", {}), 2), "ANSWER_SECONDS": 1.0}
    DATABASES["replica"] = {**DATABASE_REPLICA, **_common, **_little}
# Jobs and commands take the time they need; nobody waits for them at the other end of a connection.
WEB_DATABASE = {
    "OPTIONS": _options(DATABASE_LOCK_SECONDS, DATABASE_STATEMENT_SECONDS),
    "ANSWER_SECONDS": DATABASE_STATEMENT_SECONDS + 2,  # the server says first that it took too long
}

PROCRASTINATE_ON_APP_READY = "notifications.worker.process.install"

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "canvas_channels.identity.backends.LoginBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
PASSWORD_RESET_TIMEOUT = 60 * PASSWORD_RESET_MINUTES

# Too many wrong passwords for one login from one address lock that pair out, on every web process.
AXES_HANDLER = "canvas_channels.core.identity.signing_in.lockout.Handler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = SIGN_IN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=SIGN_IN_LOCKOUT_MINUTES)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_FORM_FIELD = "username"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "old_password", "new_password1", "new_password2"]
AXES_USERNAME_CALLABLE = "canvas_channels.core.identity.signing_in.lockout.login_of"
AXES_CLIENT_IP_CALLABLE = "canvas_channels.core.client_address.client_network"
AXES_LOCKOUT_CALLABLE = "canvas_channels.web.signing_in.signing_in.locked_out"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

PROCRASTINATE_WORKER_DEFAULTS = {
    "worker_middleware": [observe],
    "concurrency": WORKER_CONCURRENCY,
    "fetch_job_polling_interval": 1.0,  # seconds; of later tries nobody is told when they are due
}

OAUTH2_PROVIDER_APPLICATION_MODEL = "identity.DeveloperKey"
OAUTH2_PROVIDER: dict[str, Any] = {
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "SCOPES_BACKEND_CLASS": "canvas_channels.core.identity.oauth.scopes.DeveloperKeyScopes",
    "ROTATE_REFRESH_TOKEN": False,
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 600,  # as Canvas; RFC 6749 allows no more
    "OAUTH2_SERVER_CLASS": "oauthlib.oauth2.WebApplicationServer",  # codes and refreshing, nothing else
    "OAUTH2_BACKEND_CLASS": "canvas_channels.core.identity.oauth.validator.RequestReader",
    "OAUTH2_VALIDATOR_CLASS": "canvas_channels.core.identity.oauth.validator.Validator",
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
}
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # whatever ends TLS in front of us redirects http:// too
    "oauth2_provider.W004",  # Canvas's clients send access_token= in the query; links never keep it
    "oauth2_provider.W005",  # RFC 9207's iss is for clients of several servers that publish their metadata
    "oauth2_provider.W008",  # apps on the person's own machine listen on http://127.0.0.1 (RFC 8252)
]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "canvas_channels.core.identity.authentication.BearerTokenAuthentication",
        "canvas_channels.core.identity.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["canvas_channels.core.identity.permissions.ScopeAllows"],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["canvas_channels.core.rest.rendering.CanvasJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "canvas_channels.core.rest.rendering.AlwaysJSON",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "canvas_channels.core.rest.handlers.exception_handler",
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}

# The email backend may be any of Django's or django-anymail's; SMTP unless it is named.
EMAIL_BACKEND = EMAIL_BACKEND or EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL["EMAIL_HOST"]
EMAIL_PORT = EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = EMAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL = EMAIL["EMAIL_USE_SSL"]
# The worker tries again by itself, so a provider's client gives up after the same time as SMTP.
_client = {"connect_timeout": EMAIL_TIMEOUT, "read_timeout": EMAIL_TIMEOUT}
ANYMAIL = {
    "REQUESTS_TIMEOUT": EMAIL_TIMEOUT,
    "AMAZON_SES_CLIENT_PARAMS": {"config": {**_client, "retries": {"total_max_attempts": 1}}},
    **ANYMAIL,
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "canvas_channels" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
# Without a folder that collectstatic filled, files are served from where the packages have them.
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_IMMUTABLE_FILE_TEST = r"/scalar-[\d.]+\.js$"  # whose version is in its name
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# A body may have 1 MB (docs/contract.md, section 2); the API's own parser answers 413 in JSON.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20

CSRF_FAILURE_VIEW = "canvas_channels.web.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True  # the CSRF cookie is not: a front end of ours reads it
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_SSL_REDIRECT = False

# Front ends elsewhere bring a token. Sessions are for pages of ours: no credentials, and none of their paths.
CORS_URLS_REGEX = r"^/(api/|confirmations/|register/|login/oauth2/token$)"
CORS_ALLOW_METHODS = ["GET", "POST", "PUT", "DELETE"]
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key"]
CORS_EXPOSE_HEADERS = [
    *("Link", "X-Request-Cost", "X-Rate-Limit-Remaining", "X-Request-Id", "Retry-After", "WWW-Authenticate")
]

X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
if TRUST_PROXY_HEADERS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "canvas_channels.core.logs.Formatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "filters": {
        "request_id": {"()": "canvas_channels.core.request_id.RequestIdFilter"},
        "without_unavailable": {"()": "canvas_channels.core.outages.WithoutUnavailable"},
        "without_outages": {"()": "notifications.worker.failure_logs.WithoutOutages"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request_id"]}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "canvas_channels": {"level": LOG_LEVEL},
        "channels_api": {"level": LOG_LEVEL},
        "notifications": {"level": LOG_LEVEL},
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # A line for every job that is asked for, and for every start: the worker's own lines say enough.
        "procrastinate.jobs": {"level": "WARNING"},
        "procrastinate.blueprints": {"level": "WARNING"},
        "procrastinate.periodic": {"level": "WARNING"},
        "procrastinate.worker": {"filters": ["without_outages"]},
        "canvasapi": {"level": "WARNING"},  # two lines for each call of an import
        # Failures are counted in the database; a redirect URI or a scope of a client is its business.
        "axes": {"level": "ERROR"},
        "oauth2_provider": {"level": "ERROR"},
        "oauthlib": {"level": "ERROR"},
        # 4xx answers are the client's business, and their paths hold addresses and codes.
        "django.request": {"level": "ERROR", "filters": ["without_unavailable"]},
    },
}
