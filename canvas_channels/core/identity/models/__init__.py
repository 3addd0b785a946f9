"""Users, accounts, logins, admins and developer keys, in Canvas's terms."""

from canvas_channels.core.identity.custom_data.models import CustomData
from canvas_channels.core.identity.models.accounts import Account, AccountLogo, AccountUser
from canvas_channels.core.identity.models.developer_keys import DeveloperKey
from canvas_channels.core.identity.models.password_resets import PasswordReset
from canvas_channels.core.identity.models.users import Login, User

__all__ = [
    "Account",
    "AccountLogo",
    "AccountUser",
    "CustomData",
    "DeveloperKey",
    "Login",
    "PasswordReset",
    "User",
]
