"""What was moved from Canvas. Kept for good, so that a row is moved once."""

from typing import ClassVar

from django.db import models

from canvas_channels.core.identity.models import Account


class MovedRow(models.Model):
    """A row of Canvas's, and the row here that it became.

    There is no reference to that row: who was erased is not moved again.
    """

    class Table(models.TextChoices):
        USERS = "users"
        CHANNELS = "communication_channels"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    table = models.CharField(max_length=32, choices=Table.choices)
    canvas_id = models.BigIntegerField()
    row_id = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "table", "canvas_id"], name="moved_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["table", "row_id"], name="moved_row_by_row")]

    def __str__(self) -> str:
        return f"{self.table} {self.canvas_id} of Canvas"
