"""The registry's rows, one file a group of tables. Their rules live in the folders beside it."""

from channels_api.models.audit import AuditEntry
from channels_api.models.channels import BOUNCING, LIVE, SPELLED_OTHERWISE, CommunicationChannel
from channels_api.models.confirmations import Confirmation, ConfirmationCode
from channels_api.models.devices import PushDevice
from channels_api.models.progress import ImportRow, Progress
from channels_api.models.security_notices import SecurityNotice

__all__ = [
    "BOUNCING",
    "LIVE",
    "SPELLED_OTHERWISE",
    "AuditEntry",
    "CommunicationChannel",
    "Confirmation",
    "ConfirmationCode",
    "ImportRow",
    "Progress",
    "PushDevice",
    "SecurityNotice",
]
