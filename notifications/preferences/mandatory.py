"""Categories that an account's users get at once by email, whatever they chose. Knows nothing of HTTP."""

from collections.abc import Mapping

from django.db.models import Exists, OuterRef

from canvas_channels.core.identity.models import Account
from channels_api.models import CommunicationChannel
from notifications.preferences.models import MandatoryCategory


def categories_of(account_id: int) -> frozenset[int]:
    """The ids of an account's mandatory categories; one statement."""
    rows = MandatoryCategory.objects.filter(account=account_id)
    return frozenset(rows.values_list("category", flat=True))


def slugs_of(account_id: int) -> frozenset[str]:
    """The same by their slugs."""
    rows = MandatoryCategory.objects.filter(account=account_id)
    return frozenset(rows.values_list("category__slug", flat=True))


def made_by(account_id: int, category: str) -> Exists:
    """The condition that an account made a row's category mandatory; ``category``: the row's field of it."""
    return Exists(MandatoryCategory.objects.filter(account=account_id, category=OuterRef(category)))


def change(account: Account, wanted: Mapping[int, bool]) -> None:
    """Make categories, by their ids, mandatory or not. The account's row is locked."""
    made = [MandatoryCategory(account=account, category_id=pk) for pk, on in wanted.items() if on]
    MandatoryCategory.objects.bulk_create(made, ignore_conflicts=True)
    ended = [pk for pk, on in wanted.items() if not on]
    if ended:
        MandatoryCategory.objects.filter(account=account, category__in=ended).delete()


def receiving_channel(user_id: int, *, prefer_institutional: bool = True) -> int | None:
    """The id of the channel that a user gets them on: the institution's address, else the first email.

    What nobody can switch off goes to the first email, of whatever origin: ``prefer_institutional`` False.
    """
    active = CommunicationChannel.objects.filter(
        user=user_id,
        type=CommunicationChannel.Type.EMAIL,
        workflow_state=CommunicationChannel.WorkflowState.ACTIVE,
    )
    preferred = ("-institutional",) if prefer_institutional else ()
    return active.order_by(*preferred, "position", "id").values_list("pk", flat=True).first()
