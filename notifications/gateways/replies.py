"""Whose fault a refused email is, by what the mail server answered, and when.

Reply codes: RFC 5321, section 4.2, and RFC 7504. Enhanced status codes: RFC 3463, with RFC 5248's registry
(https://www.iana.org/assignments/smtp-enhanced-status-codes); they say more, so they count more.
"""

import re
from enum import StrEnum


class Stage(StrEnum):
    """What was refused."""

    SESSION = "session"  # the connection, the greeting, TLS or the login
    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"


class Fault(StrEnum):
    """``MAILBOX`` is final: there is none to deliver to. ``OURS`` is the operator's to mend."""

    MAILBOX = "mailbox"
    PASSING = "passing"
    OURS = "ours"


_DISABLED = "5.2.1"  # Gmail's, too, for a mailbox that receives too much at a time: words tell which
# Of an address that does not exist (any more), or whose domain takes no mail at all.
_NO_MAILBOX = {"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", _DISABLED}
_FULL = {"5.2.2", "5.2.4"}
_SAYS_NOTHING = {"5.0.0", "5.1.0", "5.2.0"}

_ENHANCED = re.compile(r"(?<![\w.])([245]\.[0-7]\.\d{1,3})(?!\.?\d)")

# Without a code that says it, words do. Those of a mailbox count first: "access denied: user unknown".
_UNKNOWN = re.compile(
    r"(user|recipient|mailbox|address|account)( name)?( is| was| has been)? "
    r"(unknown|unavailable|disabled|inactive|invalid|not found|not exist)"
    r"|(unknown|invalid|no such|nonexistent|disabled) (local )?(user|recipient|mailbox|address|account)"
    r"|does(n't| not) (exist|have an? (\S+ )?(account|mailbox))|no mailbox",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"relay|sender|spam|spf\b|dkim|dmarc|polic|prohibit|denied|block|black|deny|listed|reputation|quota|limit"
    r"|rate\b|too many|authenticat|allowed|rcpthosts|unsolicited|suspicious|credit|\bplan\b|\bfrom\b|domain\b"
    r"|greylist|permit|trust|\bIP\b|junk|\bRBL|DNSBL|banned|abus",
    re.IGNORECASE,
)
_TOO_OFTEN = re.compile(r"\brate\b|too (many|much|often)", re.IGNORECASE)
_REFUSES_RECIPIENT = {550, 551, 553, 556}
_STORAGE = 552
_PERMANENT = range(500, 600)


def enhanced_code(words: str) -> str:
    """The first in a reply's words, wherever it stands; "" where there is none. An IP address is none."""
    found = _ENHANCED.search(words)
    return found[1] if found else ""


def names_policy(words: str) -> bool:
    """Whether the reply rejects the sender rather than the mailbox."""
    return not _UNKNOWN.search(words) and _POLICY.search(words) is not None


def fault_of(stage: Stage, code: int, words: str) -> Fault:
    """``words``: all lines of the reply. A quota, a relay or a policy is never the mailbox's fault."""
    enhanced = enhanced_code(words)
    if code not in _PERMANENT or enhanced.startswith("4."):
        return Fault.PASSING
    if stage not in {Stage.RECIPIENT, Stage.MESSAGE}:
        return Fault.OURS
    if enhanced == _DISABLED and _TOO_OFTEN.search(words):
        return Fault.PASSING
    if enhanced in _NO_MAILBOX:
        return Fault.MAILBOX
    if enhanced in _FULL or (code == _STORAGE and enhanced in {"", *_SAYS_NOTHING}):
        return Fault.PASSING
    if enhanced and enhanced not in _SAYS_NOTHING:
        return Fault.OURS
    if _UNKNOWN.search(words):
        return Fault.MAILBOX
    refused = stage is Stage.RECIPIENT and code in _REFUSES_RECIPIENT and not _POLICY.search(words)
    return Fault.MAILBOX if refused else Fault.OURS
