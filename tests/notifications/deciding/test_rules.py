"""What one recipient gets: every combination against a table that is read from the contract, line by line."""

import itertools

import pytest

from notifications.deciding.rules import Occasion, Outcome, Use, is_limited
from tests.notifications.deciding.twin import Channel, Decision, Recipient, decide

NOW, DAILY, BOUNCED = Outcome.NOW, Outcome.DAILY, Outcome.BOUNCED
PREFERENCE, TYPE_NOT_ALLOWED = Outcome.PREFERENCE, Outcome.TYPE_NOT_ALLOWED

# For a user with one channel: the first line that fits. "*" is anything, "!" is at once, without a choice.
TABLE = """
suppressed  user                       category            channel      type      frequency     bouncing  outcome
yes         *                          *                   *            *         *             *         suppressed
*           deactivated                *                   *            *         *             *         not_registered
*           pre_registered             ordinary|mandatory  *            *         *             *         not_registered
*           *                          always              active       email     *             no        now!
*           *                          always              active       email     *             yes       bounced!
*           pre_registered             always              unconfirmed  email     *             no        now!
*           pre_registered             always              unconfirmed  email     *             yes       bounced!
*           *                          always              *            *         *             *         no_channel
*           *                          *                   unconfirmed  *         *             *         no_channel
*           *                          mandatory           active       email     *             no        now!
*           *                          mandatory           active       email     *             yes       bounced!
*           *                          *                   active       *         never         *         preference
*           *                          *                   active       email     daily         *         daily
*           *                          *                   active       email     weekly        *         weekly
*           *                          *                   active       push|sms  daily|weekly  *         preference
*           *                          *                   active       *         immediately   yes       bounced
*           *                          *                   active       *         immediately   no        now
"""  # noqa: E501
[HEADER, *LINES] = [line.split() for line in TABLE.strip().splitlines()]

FREQUENCIES = ("immediately", "daily", "weekly", "never")
VALUES = {
    "suppressed": ("yes", "no"),
    "user": ("registered", "pre_registered", "deactivated"),
    "category": ("ordinary", "mandatory", "always"),
    "channel": ("active", "unconfirmed"),
    "type": ("email", "sms", "push"),
    "bouncing": ("yes", "no"),
    "chosen": FREQUENCIES,
    "override": (None, *FREQUENCIES),
}


def expected(case: dict[str, str | None]) -> tuple[str, int]:
    """The outcome by the table, and the line that says so."""
    for number, line in enumerate(LINES):
        *conditions, outcome = zip(HEADER, line, strict=True)
        if all(wanted == "*" or case[name] in wanted.split("|") for name, wanted in conditions):
            return outcome[1], number
    raise AssertionError(f"no line for {case}")


def test_every_combination() -> None:
    used = set()
    for values in itertools.product(*VALUES.values()):
        case = dict(zip(VALUES, values, strict=True))
        outcome, line = expected(case | {"frequency": case["override"] or case["chosen"]})
        used.add(line)
        occasion = Occasion(
            default_frequency="never",
            suppressed=case["suppressed"] == "yes",
            always=case["category"] == "always",
            mandatory=case["category"] == "mandatory",
            to_numbers=True,
        )
        channel = Channel(
            id=7,
            type=str(case["type"]),
            active=case["channel"] == "active",
            bouncing=case["bouncing"] == "yes",
            chosen=case["chosen"],
            override=case["override"],
        )
        [decision] = decide(occasion, person(channel, state=str(case["user"])))
        of_channel = outcome not in {"suppressed", "not_registered", "no_channel"}
        wanted = Decision(7 if of_channel else None, Outcome(outcome.rstrip("!")), outcome.endswith("!"))
        assert decision == wanted, case
    assert used == set(range(len(LINES)))


def person(
    *channels: Channel, state: str = "registered", muted: bool = False, messages: int = 500, texts: int = 1000
) -> Recipient:
    return Recipient(state=state, channels=channels, muted=muted, messages_left=messages, texts_left=texts)


def email(number: int, chosen: str | None = "immediately", **fields: bool | str | None) -> Channel:
    return Channel(id=number, type="email", chosen=chosen, **fields)  # type: ignore[arg-type]


def text(number: int, chosen: str | None = "immediately", **fields: bool | str | None) -> Channel:
    return Channel(id=number, type="sms", chosen=chosen, **fields)  # type: ignore[arg-type]


def push(number: int, chosen: str | None = "immediately") -> Channel:
    return Channel(id=number, type="push", chosen=chosen)


ORDINARY = Occasion(default_frequency="daily", to_numbers=True)
MANDATORY = Occasion(default_frequency="daily", to_numbers=True, mandatory=True)
ALWAYS = Occasion(default_frequency="daily", to_numbers=True, always=True)


def outcomes(occasion: Occasion, recipient: Recipient) -> list[Outcome]:
    return [decision.outcome for decision in decide(occasion, recipient)]


@pytest.mark.parametrize(
    ("override", "chosen", "account_default", "first", "first_of_type", "outcome"),
    [
        ("weekly", "immediately", "immediately", True, True, "weekly"),
        (None, "immediately", "weekly", True, True, "now"),
        (None, None, "weekly", True, True, "weekly"),
        (None, None, "weekly", False, True, "weekly"),
        (None, None, "weekly", False, False, "preference"),
        (None, None, None, True, True, "daily"),
        (None, None, None, False, True, "preference"),
        (None, "never", "immediately", True, True, "preference"),
    ],
)
def test_whose_choice_counts(
    override: str | None,
    chosen: str | None,
    account_default: str | None,
    first: bool,
    first_of_type: bool,
    outcome: str,
) -> None:
    before = [] if first else [push(1, "never")] if first_of_type else [email(1, "never")]
    channel = email(2, chosen, override=override, account_default=account_default)
    assert outcomes(ORDINARY, person(*before, channel))[-1] == outcome


def test_an_unconfirmed_channel_is_the_first_one_too() -> None:
    assert outcomes(ORDINARY, person(email(1, None, active=False), email(2, None))) == [PREFERENCE]


def test_types_that_may_not_be_used() -> None:
    no_types = Occasion(default_frequency="daily", to_devices=False, to_numbers=False)
    channels = person(push(1), text(2), email(3))
    assert outcomes(no_types, channels) == [TYPE_NOT_ALLOWED, TYPE_NOT_ALLOWED, NOW]
    assert outcomes(ORDINARY, channels) == [NOW, NOW, NOW]
    assert outcomes(ORDINARY, person(text(1, foreign=True))) == [TYPE_NOT_ALLOWED]
    # a choice is judged before that
    assert outcomes(no_types, person(push(1, "never"), text(2, "daily"))) == [PREFERENCE, PREFERENCE]


def test_nobody_without_a_channel_is_muted_and_nobody_who_is_not_registered_lacks_one() -> None:
    assert decide(ORDINARY, person(muted=True)) == [Decision(None, Outcome.NO_CHANNEL)]
    assert decide(ORDINARY, person(email(1), muted=True)) == [Decision(None, Outcome.MUTED)]
    assert outcomes(ORDINARY, person(state="deactivated")) == [Outcome.NOT_REGISTERED]
    assert outcomes(ALWAYS, person(state="pre_registered")) == [Outcome.NO_CHANNEL]


@pytest.mark.parametrize("occasion", [MANDATORY, ALWAYS])
def test_some_categories_cannot_be_muted(occasion: Occasion) -> None:
    assert outcomes(occasion, person(email(1, "never"), muted=True)) == [NOW]


def test_registration_goes_to_the_first_active_email_and_to_no_other() -> None:
    channels = [push(1), email(2, active=False), email(3, "never"), email(4, institutional=True)]
    assert decide(ALWAYS, person(*channels)) == [Decision(3, NOW, at_once=True)]
    assert decide(ALWAYS, person(*channels, state="pre_registered")) == [Decision(3, NOW, at_once=True)]


def test_no_second_channel_is_chosen_for_one_that_bounces() -> None:
    channels = [email(1, bouncing=True), email(2)]
    assert decide(ALWAYS, person(*channels)) == [Decision(1, BOUNCED, at_once=True)]
    assert decide(MANDATORY, person(*channels)) == [Decision(1, BOUNCED, True), Decision(2, NOW)]


def test_an_unconfirmed_address_that_had_its_share_gets_nothing() -> None:
    channels = [email(1, active=False, limited=True), email(2, active=False)]
    assert decide(ALWAYS, person(*channels, state="pre_registered")) == [
        Decision(None, Outcome.NOT_REGISTERED)
    ]


def test_what_is_mandatory_goes_to_the_institutions_address_and_the_others_follow_their_choice() -> None:
    channels = [push(1), email(2, "never"), email(3, "never", institutional=True), email(4, "weekly")]
    assert decide(MANDATORY, person(*channels)) == [
        Decision(1, NOW),
        Decision(2, PREFERENCE),
        Decision(3, NOW, at_once=True),
        Decision(4, Outcome.WEEKLY),
    ]
    unconfirmed = email(2, institutional=True, active=False)
    assert decide(MANDATORY, person(email(1, "never"), unconfirmed)) == [Decision(1, NOW, True)]
    assert decide(MANDATORY, person(push(1, "never"))) == [Decision(1, PREFERENCE)]


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (9, [NOW, NOW, NOW, NOW]),
        (2, [NOW, NOW, TYPE_NOT_ALLOWED, NOW]),
        (1, [NOW, DAILY, TYPE_NOT_ALLOWED, NOW]),
        (0, [DAILY, DAILY, TYPE_NOT_ALLOWED, NOW]),
    ],
)
def test_who_had_enough_today_gets_emails_in_the_digest_and_no_texts(left: int, found: list[Outcome]) -> None:
    assert outcomes(ORDINARY, person(email(1), email(2), text(3), push(4), messages=left)) == found


def test_what_goes_at_once_counts_first_and_is_not_limited() -> None:
    channels = [email(1), email(2, "never", institutional=True), email(3, bouncing=True)]
    assert outcomes(MANDATORY, person(*channels, messages=1)) == [DAILY, NOW, BOUNCED]
    assert outcomes(MANDATORY, person(*channels, messages=0)) == [DAILY, NOW, BOUNCED]
    assert outcomes(MANDATORY, person(*channels, messages=2)) == [NOW, NOW, BOUNCED]


def test_texts_stay_within_the_budget() -> None:
    channels = [text(1, bouncing=True), text(2), text(3)]
    assert outcomes(ORDINARY, person(*channels, texts=1)) == [BOUNCED, NOW, TYPE_NOT_ALLOWED]
    assert outcomes(ORDINARY, person(*channels, texts=0)) == [BOUNCED, TYPE_NOT_ALLOWED, TYPE_NOT_ALLOWED]


@pytest.mark.parametrize(
    ("use", "limited"),
    [
        (Use(of_channel=2, of_user=19, of_address=4, refused=False), False),
        (Use(of_channel=3, of_user=0, of_address=0, refused=False), True),
        (Use(of_channel=0, of_user=20, of_address=0, refused=False), True),
        (Use(of_channel=0, of_user=0, of_address=5, refused=False), True),
        (Use(of_channel=0, of_user=0, of_address=0, refused=True), True),
    ],
)
def test_limits_of_unconfirmed_addresses(use: Use, limited: bool) -> None:
    assert is_limited(use, per_channel=3, per_user=20, per_address=5) is limited
