"""Finding users by the beginning of a name.

Names are compared byte by byte (the collation ``C``): only so do all databases look them up by an index.
"""

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Collate, Concat, Lower

from canvas_channels.core.identity.models import User

LAST = "\U0010ffff"  # sorts after every other character


def begins(field: str, text: str) -> QuerySet[User]:
    """Those whose ``name`` or ``sortable_name`` begins so, in any case and in order."""
    first, last = Lower(Value(text)), Concat(Lower(Value(text)), Value(LAST))
    users = User.objects.alias(folded=Collate(Lower(field), "C"))
    return users.filter(Q(folded__gte=first) & Q(folded__lt=last)).order_by(F("folded"))
