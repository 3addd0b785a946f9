"""Columns of names that people give themselves or others, and when two of them are the same."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models.functions import Lower

from canvas_channels.core.trimming import trim

if TYPE_CHECKING:
    NameField = models.CharField
else:

    class NameField(models.CharField):
        """Whoever writes it, without what is invisible at its ends."""

        def clean(self, value: Any, model_instance: models.Model | None) -> Any:
            return super().clean(self._trimmed(value), model_instance)

        def pre_save(self, model_instance: models.Model, add: bool) -> Any:
            value = self._trimmed(super().pre_save(model_instance, add))
            setattr(model_instance, self.attname, value)
            return value

        def _trimmed(self, value: Any) -> Any:
            return (trim(value) or (None if self.null else "")) if isinstance(value, str) else value

        def deconstruct(self) -> Any:
            """A plain field to migrations: the column is one."""
            name, _, args, kwargs = super().deconstruct()
            return name, "django.db.models.CharField", args, kwargs


@models.CharField.register_lookup
class AnyCase(Lower):
    """``unique_id__lower=name``: PostgreSQL has both in lower case, and finds a login by its index.

    Its locale decides how: Python's own rules are others.
    """

    bilateral = True


@lru_cache(maxsize=1000)
def lowered(name: str) -> str:
    """A name in lower case as PostgreSQL has it, for what is compared elsewhere."""
    if name.isascii():
        return name.lower()
    with connection.cursor() as cursor:
        cursor.execute("SELECT LOWER(%s::text)", [name])
        [found] = cursor.fetchone()
    return str(found)
