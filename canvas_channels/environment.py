"""What an operator sets, read from the environment (each is documented in docs/settings.md).

``NAME_FILE`` may name a file that holds the value of ``NAME``, as container secrets do. A missing
or malformed value stops the start with one line that names it: nothing unsafe is a default.
"""

import math
import re
import sys
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

import dj_email_url
import idna
from environs import EnvError, FileAwareEnv

env = FileAwareEnv()


def _unless_demo(limit: int) -> int:
    """A limit's default: the demo has no limits but those that are set, so that they can be tried."""
    return 1_000_000 if DEMO else limit


try:
    SECRET_KEY = env.str("SECRET_KEY")
    SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
    PUBLIC_URL = env.str("PUBLIC_URL").rstrip("/")
    DATABASE = env.dj_db_url("DATABASE_URL")
    DATABASE_DIRECT = env.dj_db_url("DATABASE_DIRECT_URL", env.str("DATABASE_URL"))
    DATABASE_POOLER = env.str("DATABASE_POOLER", "")
    DEMO = env.bool("DEMO", False)
    DEMO_OUTBOX_FILE = env.str("DEMO_OUTBOX_FILE", "")
    ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [])
    CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
    TRUST_PROXY_HEADERS = env.bool("TRUST_PROXY_HEADERS", False)
    EMAIL = dj_email_url.parse(env.str("EMAIL_URL", "smtp://localhost:25"))
    EMAIL_BACKEND = env.str("EMAIL_BACKEND", "")
    EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", 10)
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "notifications@localhost")
    ANYMAIL: Any = env.json("ANYMAIL", {})
    BOUNCE_DOMAIN = env.str("BOUNCE_DOMAIN", "").lower()
    BOUNCE_MAILBOX_URL = env.str("BOUNCE_MAILBOX_URL", "")
    DNS_SERVERS: list[str] = env.list("DNS_SERVERS", [])
    WEBHOOK_SECRETS: list[str] = env.list("WEBHOOK_SECRETS", [])
    WEBHOOK_EVENT_DAYS = env.int("WEBHOOK_EVENT_DAYS", 30)
    MESSAGE_DAYS = env.int("MESSAGE_DAYS", 365)
    SNS_TOPIC_ARNS: list[str] = env.list("SNS_TOPIC_ARNS", [])
    AWS_REGION = env.str("AWS_DEFAULT_REGION", "us-east-1")
    SNS_CREDS_FILE = env.str("SNS_CREDS_FILE", "")
    SNS_TIMEOUT = env.float("SNS_TIMEOUT", 5)
    CONFIRMATION_EMAIL_DAYS = env.int("CONFIRMATION_EMAIL_DAYS", 3)
    CONFIRMATION_SMS_MINUTES = env.int("CONFIRMATION_SMS_MINUTES", 15)
    CONFIRMATIONS_PER_CHANNEL_PER_DAY = env.int("CONFIRMATIONS_PER_CHANNEL_PER_DAY", _unless_demo(3))
    CONFIRMATIONS_PER_USER_PER_HOUR = env.int("CONFIRMATIONS_PER_USER_PER_HOUR", _unless_demo(20))
    CONFIRMATIONS_PER_EMAIL_PER_HOUR = env.int("CONFIRMATIONS_PER_EMAIL_PER_HOUR", _unless_demo(5))
    CONFIRMATIONS_PER_NUMBER_PER_HOUR = env.int("CONFIRMATIONS_PER_NUMBER_PER_HOUR", _unless_demo(3))
    SECURITY_NOTICES_PER_USER_PER_HOUR = env.int("SECURITY_NOTICES_PER_USER_PER_HOUR", _unless_demo(20))
    SMS_ALLOWED_COUNTRIES = env.list("SMS_ALLOWED_COUNTRIES", ["*"] if DEMO else ["US", "CA"])
    SMS_DAILY_BUDGET = env.int("SMS_DAILY_BUDGET", _unless_demo(1000))
    MESSAGES_PER_USER_PER_DAY = env.int("MESSAGES_PER_USER_PER_DAY", _unless_demo(500))
    PUSH_DEVICE_DAYS = env.int("PUSH_DEVICE_DAYS", 270)
    WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 16)
    FINISHED_JOBS_DAYS = env.int("FINISHED_JOBS_DAYS", 7)
    RATE_LIMIT_STATUS = env.int("RATE_LIMIT_STATUS", 429)
    THROTTLE_MAXIMUM = env.float("THROTTLE_MAXIMUM", _unless_demo(800))
    THROTTLE_HIGH_WATER_MARK = env.float("THROTTLE_HIGH_WATER_MARK", _unless_demo(600))
    THROTTLE_OUTFLOW = env.float("THROTTLE_OUTFLOW", 10)
    THROTTLE_UP_FRONT_COST = env.float("THROTTLE_UP_FRONT_COST", 50)
    REQUEST_THREADS = env.int("REQUEST_THREADS", 4)
    REQUEST_QUEUE = env.int("REQUEST_QUEUE", 256)
    BODY_SECONDS = env.float("BODY_SECONDS", 10)
    REDIS_URL = env.str("REDIS_URL", "")
    SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", 5)
    SIGN_IN_FAILURES_PER_LOGIN = env.int("SIGN_IN_FAILURES_PER_LOGIN", 50)
    SIGN_IN_LOCKOUT_MINUTES = env.int("SIGN_IN_LOCKOUT_MINUTES", 15)
    PASSWORD_RESET_MINUTES = env.int("PASSWORD_RESET_MINUTES", 60)
    PASSWORD_RESET_ADDRESS_DAYS = env.int("PASSWORD_RESET_ADDRESS_DAYS", 7)
    PASSWORD_RESETS_PER_LOGIN_PER_HOUR = env.int("PASSWORD_RESETS_PER_LOGIN_PER_HOUR", _unless_demo(3))
    PASSWORD_RESETS_PER_ADDRESS_PER_HOUR = env.int("PASSWORD_RESETS_PER_ADDRESS_PER_HOUR", _unless_demo(30))
    OPEN_REQUESTS_PER_MINUTE = env.int("OPEN_REQUESTS_PER_MINUTE", _unless_demo(60))
    OIDC_ISSUER = env.str("OIDC_ISSUER", "")
    OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "")
    OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", "")
    OIDC_NAME = env.str("OIDC_NAME", "")
    OIDC_SCOPES = env.str("OIDC_SCOPES", "openid profile email")
    OIDC_LOGIN_CLAIM = env.str("OIDC_LOGIN_CLAIM", "sub")
    OIDC_ACCOUNT = env.int("OIDC_ACCOUNT", 0)
    OIDC_CREATE_USERS = env.bool("OIDC_CREATE_USERS", False)
    OIDC_TIMEOUT = env.float("OIDC_TIMEOUT", 5)
    STATIC_ROOT = env.str("STATIC_ROOT", "") or None
    LOG_LEVEL = env.str("LOG_LEVEL", "INFO").upper()
    ACCESS_LOG = env.bool("ACCESS_LOG", False)
    READY_QUEUE_SECONDS = env.float("READY_QUEUE_SECONDS", 0)
    METRICS_TOKEN = env.str("METRICS_TOKEN", "")
    WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", 0)
    PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", "")
except EnvError as error:
    sys.exit(f"Settings: {error}")

_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname:
    sys.exit("Settings: PUBLIC_URL must be an absolute http(s) URL")
if DATABASE.get("ENGINE") != "django.db.backends.postgresql":
    sys.exit("Settings: DATABASE_URL must be a postgresql:// URL")
if WORKER_CONCURRENCY < 1:
    sys.exit("Settings: WORKER_CONCURRENCY must be at least 1")
if REQUEST_THREADS < 1 or REQUEST_QUEUE < 0 or BODY_SECONDS <= 0:
    sys.exit("Settings: REQUEST_THREADS must be at least 1, REQUEST_QUEUE 0, and BODY_SECONDS above 0")
if min(SIGN_IN_FAILURES_PER_LOGIN, PASSWORD_RESETS_PER_ADDRESS_PER_HOUR, OPEN_REQUESTS_PER_MINUTE) < 1:
    sys.exit("Settings: SIGN_IN_FAILURES_PER_LOGIN and the limits an IP address has must be at least 1")
if PASSWORD_RESET_ADDRESS_DAYS < 0:
    sys.exit("Settings: PASSWORD_RESET_ADDRESS_DAYS must not be negative")
if DATABASE_POOLER not in {"", "transaction"}:
    sys.exit("Settings: DATABASE_POOLER must be empty or 'transaction'")
_highest = math.inf if DEMO else THROTTLE_MAXIMUM  # a lifted mark is above any maximum
if not 0 <= THROTTLE_UP_FRONT_COST < THROTTLE_HIGH_WATER_MARK <= _highest or THROTTLE_OUTFLOW <= 0:
    sys.exit(
        "Settings: THROTTLE_UP_FRONT_COST must be below THROTTLE_HIGH_WATER_MARK, up to THROTTLE_MAXIMUM"
    )
if not all(re.fullmatch(r"https?://[^/?#@\s]+", origin) for origin in CORS_ALLOWED_ORIGINS):
    sys.exit("Settings: CORS_ALLOWED_ORIGINS must be origins, as https://app.example.edu")
if REDIS_URL and urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
    sys.exit("Settings: REDIS_URL must be a redis://, rediss:// or unix:// URL")
if OIDC_ISSUER and not OIDC_CLIENT_ID:
    sys.exit("Settings: OIDC_ISSUER needs OIDC_CLIENT_ID")

try:  # Django would turn an internationalised domain into another's, by IDNA 2003
    _domain = parseaddr(DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    if not _domain.isascii():
        _ascii = idna.encode(_domain, uts46=True, std3_rules=True).decode()
        DEFAULT_FROM_EMAIL = DEFAULT_FROM_EMAIL.replace(f"@{_domain}", f"@{_ascii}")
except idna.IDNAError:
    sys.exit("Settings: DEFAULT_FROM_EMAIL must have a domain that IDNA 2008 knows")
if not isinstance(ANYMAIL, dict):
    sys.exit("Settings: ANYMAIL must be a JSON object")
if not all(re.fullmatch(r"[^:\s]+:\S{16,}", pair) for pair in WEBHOOK_SECRETS):
    sys.exit("Settings: WEBHOOK_SECRETS must be name:secret pairs, each secret of 16 characters or more")
if BOUNCE_DOMAIN and not re.fullmatch(r"([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}", BOUNCE_DOMAIN):
    sys.exit("Settings: BOUNCE_DOMAIN must be a domain, as bounces.example.edu")
_mailbox = urlsplit(BOUNCE_MAILBOX_URL)
if BOUNCE_MAILBOX_URL and not (
    _mailbox.scheme in {"imap", "imaps"} and _mailbox.hostname and _mailbox.username
):
    sys.exit("Settings: BOUNCE_MAILBOX_URL must be as imaps://user:password@imap.example.edu/INBOX")
if BOUNCE_MAILBOX_URL and not BOUNCE_DOMAIN:
    sys.exit("Settings: BOUNCE_MAILBOX_URL needs BOUNCE_DOMAIN, which is how bounces are told apart")
if not all(re.fullmatch(r"[0-9a-fA-F.:]+(#[0-9]{1,5})?", server) for server in DNS_SERVERS):
    sys.exit("Settings: DNS_SERVERS must be IP addresses, each perhaps with a port, as 192.0.2.53#5353")
