"""Who of a batch of people is here already, and what that leaves of their rows. Writes nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from django.db.models import Count, Max, Q

from canvas_channels.core.identity.callers import lacks_more_rights, locked
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.identity.models.names import lowered
from channels_api.messages.channel_counts import MAX_CHANNELS
from channels_api.models import LIVE, CommunicationChannel
from notifications.canvas_import.fitting import Fitted
from notifications.canvas_import.models import MovedRow
from notifications.canvas_import.report import changed, left
from notifications.canvas_import.rows import Unfit

Name = tuple[str, str]  # that no two logins of an account may have: which one, and the value that is compared


class People:
    """People with one of the batch's logins. Those among them whom Canvas knows as others are no match.

    Their rows are held until the transaction ends.
    """

    def __init__(self, account: Account, batch: Sequence[Fitted]) -> None:
        names = {name for each in batch for _, login in each.logins for name in names_of(login)}
        same = Q(unique_id__lower__in=[value for kind, value in names if kind == "unique_id"])
        same |= Q(sis_user_id__in=[value for kind, value in names if kind == "sis_user_id"])
        found = Login.objects.filter(same, account=account)
        self._owners = {name: login.user_id for login in found for name in names_of(login)}
        owners = set(self._owners.values())
        moved = MovedRow.objects.filter(table=MovedRow.Table.USERS, row_id__in=owners)
        self._others = set(moved.values_list("row_id", flat=True))
        here = User.objects.filter(pk__in=owners - self._others)
        self._users = {user.pk: user for user in locked(here.order_by("pk"))}
        self._with_rights = set(here.exclude(lacks_more_rights(None)).values_list("pk", flat=True))
        own = CommunicationChannel.objects.filter(user__in=self._users).order_by()
        counts = own.values("user").annotate(live=Count("pk", filter=LIVE), last=Max("position"))
        self._counts = {row["user"]: (row["live"], row["last"]) for row in counts}
        self._addresses = set(own.filter(LIVE).values_list("user", "type", "address_folded"))

    def settle(self, each: Fitted, taken: Callable[[Name], bool]) -> set[Name]:
        """Let the person be whom they are here, and leave out what cannot be beside what is here.

        ``taken``: whether somebody else's login, who is moved too, has a name; the answer is the person's.
        Raises :class:`Unfit` where nothing of them can be moved.
        """
        owners = {owner for name in _names(each) if (owner := self._owners.get(name))} - self._others
        if len(owners) > 1:
            raise Unfit("its logins are those of several people here", ", ".join(map(str, sorted(owners))))
        for owner in owners:
            if owner in self._with_rights:
                raise Unfit("a person here with its login has rights", str(owner))
            each.user = self._users[owner]
            self._others.add(owner)
            self._leave_channels(each)
        return self._leave_logins(each, taken)

    def _leave_logins(self, each: Fitted, taken: Callable[[Name], bool]) -> set[Name]:
        own: set[Name] = set()
        kept = []
        for row, login in each.logins:
            if each.user.pk and any(self._owners.get(name) == each.user.pk for name in names_of(login)):
                continue  # it is here
            name, *sis_id = names_of(login)
            if name in self._owners or taken(name) or name in own:
                each.lines.append(left("pseudonyms", row, Unfit("another login has its unique_id")))
                continue
            if any(other in self._owners or taken(other) or other in own for other in sis_id):
                each.lines.append(changed("pseudonyms", row, "its sis_user_id is another login's"))
                login.sis_user_id = None
            own.update(names_of(login))
            kept.append((row, login))
        each.logins = kept
        return own

    def _leave_channels(self, each: Fitted) -> None:
        """They come after those that are here, as many as there may be."""
        live, last = self._counts.get(each.user.pk, (0, 0))
        kept = []
        for row, channel in each.channels:
            is_live = channel.workflow_state != CommunicationChannel.WorkflowState.RETIRED
            if is_live and (each.user.pk, channel.type, channel.address_folded) in self._addresses:
                why = Unfit("a channel of the user here has the address")
            elif is_live and live >= MAX_CHANNELS:
                why = Unfit(f"its user has more than {MAX_CHANNELS} channels")
            else:
                live += is_live
                last += 1
                channel.position = last
                kept.append((row, channel))
                continue
            each.lines.append(left("communication_channels", row, why))
        each.channels = kept


def names_of(login: Login) -> list[Name]:
    """What must be its own in the account."""
    found = [("unique_id", lowered(login.unique_id))]
    return found + ([("sis_user_id", login.sis_user_id)] if login.sis_user_id else [])


def _names(each: Fitted) -> Iterator[Name]:
    for _, login in each.logins:
        yield from names_of(login)


def moved_before(account: Account, canvas_ids: Iterable[int]) -> set[int]:
    """Those of Canvas's users who were moved already."""
    rows = MovedRow.objects.filter(
        account=account, table=MovedRow.Table.USERS, canvas_id__in=list(canvas_ids)
    )
    return set(rows.values_list("canvas_id", flat=True))
