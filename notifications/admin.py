"""Django's admin pages of this app."""

from notifications.preferences import admin as preferences

__all__ = ["preferences"]
