"""Whose fault a refused email is, by what the mail server answered, and when.

Reply codes: RFC 5321, section 4.2, and RFC 7504. Enhanced status codes: RFC 3463, with RFC 5248's registry
(https://www.iana.org/assignments/smtp-enhanced-status-codes); they say more, so they count more. Words count
more still where they plainly say who is refused: servers send many a code for a mailbox that is not there.
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


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_SENDER_CODES = {"4.1.7", "4.1.8", "5.1.7", "5.1.8"}
# Of an address that does not exist (any more), or whose domain takes no mail at all. 5.1.351 and 5.4.310 are
# Exchange's; 5.2.1 is also Gmail's for a mailbox that receives too much at a time.
_NO_MAILBOX = {"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.1.351", "5.2.1", "5.4.310"}
_EXCHANGE_UNKNOWN = "5.4.1"  # with these words; also of a relay that is denied
_EXCHANGE_WORDS = _words(r"recipient address(es)? rejected")
_FULL = {"5.2.2", "5.2.4"}
_SAYS_NOTHING = {"5.0.0", "5.1.0", "5.2.0"}
_OUTLOOK_UNAVAILABLE = "5.5.0"  # says as little, but is also of a wrong command

_ENHANCED = re.compile(r"(?<![\w.])([245]\.[0-7]\.\d{1,3})(?!\.?\d)")

# A sender that is refused, whatever else is said: of a callout, "user unknown".
_SENDER = _words(
    r"\bsender(.?s)?[ -](envelope |e-?mail )?(address|domain|mailbox|account|host|id\b|identity|verif"
    r"|callout|is\b|was\b|has\b|must\b|does\b|not\b|unknown|invalid|reject|refused|denied|blocked|unauth)",
    r"\b(of|invalid|unknown|bad|bogus|envelope|unrout\w+|no such|verify(ing)?)[ -](the |your )?sender",
    r"\bmail[ _-]?from(:|\s*<| command| address| domain)|(return|reverse)[- ]path|envelope[- ]from",
    r"532[12]\.?(mail)?from|header from|\bfrom[ :-]+(address|domain|header|e-?mail)",
    r"(?<!recipient )(?<!address )verification failed for|while verifying <",
    r"\byour (e-?mail )?(address(?! book)|domain)",
)

_WHOM = (
    r"(?<!ip )(?<!host )(?<!client )(\b(user(name|id)?|recipient|mail ?box|address|account|alias"
    r"|local[- ]part|person|customer)\b|[^\s<>@]{1,64}@[^\s<>@]{1,255}>?)"
)
# "User <a@example.com>: unknown", "the account that you tried to reach does not exist"
_BETWEEN = r"""( name)?(\s*[<(\["'][^>)\]"']{0,255}[>)\]"']|\s+\S+)?( that you tried to reach)?[\s:.,-]*"""
_IS = rf"{_WHOM}{_BETWEEN}((is|was|has been) )?"
_GONE = _words(
    rf"{_IS}(unknown|non-?existent|no longer exists|does(n.?t| not) exist|not (known|found|exist)"
    r"|not listed in|(could ?n.?t|could not|cannot|can.?t) be found)",
    rf"(?<!many )\b(unknown|no such|non-?existent|not an? (known|valid))( or \w+)?( local| virtual| e-?mail)?"
    rf" {_WHOM}(?! error)",
    r"(?<!many )\binvalid (recipient|mail ?box)\b",
    r"does(n.?t| not) have an? (\S+ )?(account|mailbox)|\bno mail ?box|recip(ient)?[ .]?not ?found",
)
# Said of the mailbox as well as of us.
_UNAVAILABLE = _words(
    rf"{_IS}(unavailable|disabled|inactive|suspended|deactivated|closed|expired|invalid|not active)",
    rf"(?<!many )\b(invalid|disabled|inactive) (local |e-?mail )?{_WHOM}",
)
_IS_FULL = _words(
    r"(mail ?box|mail ?folder|inbox|account)( \S+)? (is |was |has )?(full|over|exceed)|recipient over ?quota",
    r"exceeded storage|disk (quota|space)",
)
_NOT_NOW = _words(r"\brate\b|too (many|much|often)|temporar|try (again|later)")
_LISTED = _words(r"black ?list|block ?list|blocked (using|by)|\bRBL|DNSBL|reputation|your (IP|host|server)\b")
_POLICY = _words(
    r"relay|sender|spam|spf\b|dkim|dmarc|polic|prohibit|denied|block|black|deny|listed|reputation|quota|limit"
    r"|rate\b|too many|authenticat|allowed|rcpthosts|unsolicited|suspicious|credit|\bplan\b|\bfrom\b|domain\b"
    r"|greylist|permit|permission|trust|\bIP\b|junk|\bRBL|DNSBL|banned|abus|filter|virus|content|helo\b|\bDNS"
    r"|\bPTR\b|\bTLS\b|loop|\bhops?\b|temporar|try again|later\b|timed? ?out",
)
_REFUSES_RECIPIENT = {550, 551, 553, 556}
_STORAGE = 552
_FAILURES = range(400, 600)
_PERMANENT = range(500, 600)

# In a report, among other words: "host mx.example.com said: 550 ... (in reply to end of DATA command)"
_TOLD_CODE = re.compile(r"""(?:^|[;:'"<>]\s*)([2-9]\d\d)(?=[\s-]|$)""", re.MULTILINE)
_TOLD_OF_MESSAGE = _words(r"end of data|DATA command")

# The field of a provider's API that holds the recipient: "personalizations.0.to.0.email", "Invalid 'To'"
_TO = r"""(['"`]to['"`]|(?<![\w-])to(\.\d|\[\d| (address|e-?mail|field|parameter))|\bin to\b|\brecipient)"""
_NO_ADDRESS = (
    r"(\b(in|not (an? )?|be an? |contain an? )valid|illegal|malformed|error parsing|inactive|suppressed)"
)
_NAMES_RECIPIENT = _words(rf"{_TO}.{{0,60}}{_NO_ADDRESS}", rf"{_NO_ADDRESS}.{{0,60}}{_TO}")


def enhanced_code(words: str) -> str:
    """The first that says something, wherever it stands; "" where there is none. An IP address is none."""
    found = _ENHANCED.findall(words)
    return next((code for code in found if code not in _SAYS_NOTHING), found[0] if found else "")


def names_recipient(words: str) -> bool:
    """Whether a provider's API rejects the recipient's address, rather than anything of ours."""
    return _NAMES_RECIPIENT.search(words) is not None


def names_sender(words: str) -> bool:
    return _SENDER.search(words) is not None


def fault_told(words: str, otherwise: Stage) -> Fault:
    """Of a reply that a report tells: by the code in it, else as if it were a 550 to ``otherwise``."""
    found = _TOLD_CODE.search(words)
    stage = Stage.RECIPIENT if found else otherwise
    if _TOLD_OF_MESSAGE.search(words):
        stage = Stage.MESSAGE
    return fault_of(stage, int(found[1]) if found else 550, words)


def fault_of(stage: Stage, code: int, words: str) -> Fault:
    """``words``: all lines of the reply. A quota, a relay or a policy is never the mailbox's fault."""
    enhanced = enhanced_code(words)
    if code in _FAILURES and enhanced in _SENDER_CODES:
        return Fault.OURS
    if code not in _PERMANENT or enhanced.startswith("4."):
        return Fault.PASSING
    if stage not in {Stage.RECIPIENT, Stage.MESSAGE} or names_sender(words):
        return Fault.OURS
    if _GONE.search(words):
        return Fault.MAILBOX
    if enhanced in _NO_MAILBOX or (enhanced == _EXCHANGE_UNKNOWN and _EXCHANGE_WORDS.search(words)):
        return _fault_beside_code(words)
    if enhanced and enhanced not in {*_SAYS_NOTHING, _OUTLOOK_UNAVAILABLE}:
        return Fault.PASSING if enhanced in _FULL else Fault.OURS
    if code == _STORAGE or _IS_FULL.search(words):
        return Fault.PASSING
    if _POLICY.search(words):
        return Fault.OURS
    refused = stage is Stage.RECIPIENT and code in _REFUSES_RECIPIENT and enhanced != _OUTLOOK_UNAVAILABLE
    return Fault.MAILBOX if refused or _UNAVAILABLE.search(words) else Fault.OURS


def _fault_beside_code(words: str) -> Fault:
    """Where the code says that there is no mailbox: some servers send it for whatever they refuse."""
    if _NOT_NOW.search(words) or _IS_FULL.search(words):
        return Fault.PASSING
    return Fault.OURS if _LISTED.search(words) else Fault.MAILBOX
