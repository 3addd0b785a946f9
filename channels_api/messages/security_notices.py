"""Telling a user's addresses of a new one, a new password or a new login: a thief gets none unseen.

Knows nothing of HTTP. It does not matter who wanted it: an admin's vouching for an address is told too.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from canvas_channels.core.identity.models import Login, User
from channels_api.addresses import compared, mask, mask_login
from channels_api.messages import limits
from channels_api.messages.notice_limits import Recipient, Room
from channels_api.models import BOUNCING, CommunicationChannel, SecurityNotice

Type = CommunicationChannel.Type
ACTIVE = CommunicationChannel.WorkflowState.ACTIVE
Kind = SecurityNotice.Kind

MOST: dict[str, int] = {Type.EMAIL: 5, Type.SMS: 2}  # told at once; push is for notifications only
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What there is to tell. ``channel``: the one that it is about, which is not told."""

    user: User
    kind: SecurityNotice.Kind
    about: str = ""
    about_type: str = ""
    channel: CommunicationChannel | None = None
    replaces: bool = False  # the channel's address, which is told first


Notice = tuple[News, Recipient, bool]  # what, to whom, and whether their address is being replaced
_together: ContextVar[list[Notice] | None] = ContextVar("_together", default=None)


def notify_new_address(channel: CommunicationChannel, address: str | None = None) -> None:
    """Tell the others of an address that is to count from now on; it may not be in force yet.

    None: the channel's own, or the one that waits for it. They are the user's other active channels, and the
    address that it replaces, unless messages to them come back. What an address or a user's addresses get in
    an hour is limited, and text messages count against the account's budget of the day; what is beyond that
    is left out. Runs in the caller's transaction, which holds the user's row lock.
    """
    _tell([_of_channel(channel, address)])


def notify_new_addresses(channels: Iterable[CommunicationChannel]) -> None:
    """The same for channels of many users, all of them locked; channels that count at once are not told."""
    _tell([_of_channel(channel) for channel in channels])


def notify_new_password(user: User) -> None:
    """Tell a user's active addresses that there is another password; the user's row is locked."""
    _tell([News(user=user, kind=Kind.PASSWORD)])


def notify_new_login(login: Login) -> None:
    """Tell a user's active addresses that there is a login with this name."""
    _tell([News(user=login.user, kind=Kind.LOGIN, about=mask_login(login.unique_id))])


@contextmanager
def told_together() -> Iterator[None]:
    """For a transaction that changes users one by one: what there is to tell is asked for at the end.

    All addresses are held at once then, in one order, so that no two such transactions wait for each other.
    """
    notices: list[Notice] = []
    token = _together.set(notices)
    try:
        yield
    finally:
        _together.reset(token)
    _ask(notices)


def _of_channel(channel: CommunicationChannel, address: str | None = None) -> News:
    address = address or channel.address_to_confirm
    return News(
        user=channel.user,
        kind=Kind.ADDRESS,
        about=mask(address),
        about_type=channel.type,
        channel=channel,
        replaces=channel.workflow_state == ACTIVE
        and not channel.is_bouncing
        and compared(address) != compared(channel.address),
    )


def _tell(all_news: Sequence[News]) -> None:
    others = _active(all_news)
    found = [
        (news, to, replaced) for news in all_news for to, replaced in _recipients(news, others[news.user.pk])
    ]
    together = _together.get()
    if together is None:
        _ask(found)
    else:
        together += found


def _ask(found: Sequence[Notice]) -> None:
    """Ask for what the limits have room for, which nobody else counts meanwhile."""
    if not found:
        return
    for type_ in MOST:
        of_type = [to for _, to, _ in found if to.type == type_]
        limits.hold(type_, {to.folded for to in of_type}, *{to.account.pk for to in of_type})
    room, told, asked = Room(to for _, to, _ in found), Counter[tuple[int, str]](), []
    for news, to, replaced in found:
        if told[id(news), to.type] < MOST[to.type] and room.take(to):
            told[id(news), to.type] += 1
            notice = SecurityNotice(
                user=news.user,
                account=to.account,
                type=to.type,
                address=to.address,
                address_folded=to.folded,
                kind=news.kind,
                about_type=news.about_type,
                about=news.about,
                replaced=replaced,
            )
            asked.append(notice)
    created = SecurityNotice.objects.bulk_create(asked)
    SecurityNotice.job.ask([notice.pk for notice in created])


def due(notice_ids: Collection[int]) -> list[SecurityNotice]:
    """Those that wait to be sent and to whose addresses messages do not come back; two statements."""
    waiting = SecurityNotice.objects.waiting().filter(pk__in=notice_ids).select_related("user__home_account")
    to = {notice: (notice.type, compared(notice.address)) for notice in waiting}
    same = CommunicationChannel.objects.filter(BOUNCING, address_folded__in=[at for _, at in to.values()])
    bouncing = set(same.order_by().values_list("type", "address_folded"))
    for notice in to:
        if to[notice] in bouncing:
            SecurityNotice.objects.mark_failed(notice.pk, "messages to this address come back")
    return [notice for notice in to if to[notice] not in bouncing]


def prune() -> None:
    """Forget old ones: they hold addresses that may be on no channel any more."""
    SecurityNotice.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()


def _active(all_news: Sequence[News]) -> Mapping[int, list[CommunicationChannel]]:
    """By user, the active channels that none of it is about and that messages do not come back from."""
    found: dict[int, list[CommunicationChannel]] = defaultdict(list)
    active = CommunicationChannel.objects.filter(
        ~BOUNCING, user__in={news.user.pk for news in all_news}, type__in=MOST, workflow_state=ACTIVE
    ).exclude(pk__in=[news.channel.pk for news in all_news if news.channel])
    for channel in active.order_by("position", "pk"):
        found[channel.user_id].append(channel)
    return found


def _recipients(news: News, others: Sequence[CommunicationChannel]) -> Iterator[tuple[Recipient, bool]]:
    """Each, and whether its address is the one that is being replaced: that one first."""
    replaced = [news.channel] if news.channel and news.replaces else []
    for channel in (*replaced, *others):
        folded = compared(channel.address)
        to = Recipient(news.user.pk, news.user.home_account, channel.type, channel.address, folded)
        yield to, channel is news.channel
