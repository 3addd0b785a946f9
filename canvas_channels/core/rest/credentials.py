"""The ``Authorization`` header, for all who decide by it.

Only its scheme decides: proxies and intranets send ``Basic`` or ``Negotiate`` of their own beside a session.
"""


def bearer_token(authorization: str) -> str | None:
    """What follows the scheme ``Bearer``, perhaps nothing; None without one or with another scheme."""
    scheme, credentials = split(authorization)
    return credentials if scheme == "bearer" else None


def split(authorization: str) -> tuple[str, str]:
    """The scheme in lower case (RFC 9110, section 11.1: in any case), and what follows it."""
    scheme, *rest = authorization.split(maxsplit=1) or [""]
    return scheme.lower(), "".join(rest).strip()
