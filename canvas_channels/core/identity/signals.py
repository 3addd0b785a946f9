"""What identity announces to its listeners, in the transaction in which it happens."""

from django.dispatch import Signal

password_set = Signal()  # a user who was there before has another password; argument: user
login_named = Signal()  # a login is new, has another name, or is another user's; argument: login
