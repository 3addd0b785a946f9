"""What each scope lets an app do, in a plain sentence: the page that asks for consent shows them.

A scope's parameters do not count here (``:id`` and ``:communication_channel_id`` are the same), nor whether
a channel is named by its id or by its type and address.
"""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

CHANNELS = "/api/v1/users/:/communication_channels"
OWN_CHANNELS = "/api/v1/users/self/communication_channels"
OWN = "/api/v1/users/self"
CUSTOM_DATA = "/api/v1/users/:/custom_data(/*scope)"
ACCOUNT = "/api/v1/accounts/:"

WORDS: dict[str, Promise] = {
    "GET /api/v1/users/:": gettext_lazy("See your name and when your account was made"),
    "PUT /api/v1/users/:": gettext_lazy("Change your language, your time zone or your name"),
    "GET /api/v1/users/:/profile": gettext_lazy("See your name, main email address, language and time zone"),
    f"GET {CUSTOM_DATA}": gettext_lazy("See what apps keep about you"),
    f"PUT {CUSTOM_DATA}": gettext_lazy("Change what apps keep about you"),
    f"DELETE {CUSTOM_DATA}": gettext_lazy("Delete what apps keep about you"),
    f"GET {CHANNELS}": gettext_lazy("See the email addresses, phone numbers and devices you are reached by"),
    f"POST {CHANNELS}": gettext_lazy("Add an email address, a phone number or this device to yours"),
    f"PUT {CHANNELS}/:": gettext_lazy("Change one of your ways to be contacted, or their order"),
    f"DELETE {CHANNELS}/:": gettext_lazy("Remove one of your email addresses, phone numbers or your devices"),
    f"POST {CHANNELS}/:": gettext_lazy("Mark an address as working again after messages to it came back"),
    f"POST {CHANNELS}/:/resend": gettext_lazy("Have another confirmation message sent to you"),
    f"POST {OWN_CHANNELS}/:/confirm": gettext_lazy("Confirm your phone number with the code you received"),
    f"DELETE {OWN_CHANNELS}/push": gettext_lazy("Stop notifications to a device of yours"),
    f"GET {CHANNELS}/audit": gettext_lazy("See who changed the ways somebody is contacted"),
    f"GET {OWN_CHANNELS}/push/devices": gettext_lazy("See your devices"),
    f"DELETE {OWN_CHANNELS}/push/devices/:": gettext_lazy("Remove one of your devices"),
    f"GET {CHANNELS}/:/notification_preferences": gettext_lazy("See which notifications you receive"),
    f"PUT {CHANNELS}/:/notification_preferences": gettext_lazy("Change which notifications you receive"),
    f"GET {CHANNELS}/:/notification_preferences/:": gettext_lazy("See how often you receive a notification"),
    f"PUT {CHANNELS}/:/notification_preferences/:": gettext_lazy(
        "Change how often you receive a notification"
    ),
    f"GET {CHANNELS}/:/notification_preference_categories": gettext_lazy(
        "See which kinds of notifications there are"
    ),
    f"PUT {CHANNELS}/:/notification_preference_categories/:": gettext_lazy(
        "Change how often you receive a kind of notifications"
    ),
    f"GET {OWN}/course_notification_preferences/:": gettext_lazy("See what you are told of a course"),
    f"PUT {OWN}/course_notification_preferences/:": gettext_lazy("Change what you are told of a course"),
    f"DELETE {OWN}/course_notification_preferences/:": gettext_lazy(
        "Forget what you chose to be told of a course"
    ),
    f"GET {OWN}/settings/quiet_hours": gettext_lazy("See when your devices and numbers stay silent"),
    f"PUT {OWN}/settings/quiet_hours": gettext_lazy("Change when your devices and numbers stay silent"),
    "GET /api/v1/comm_messages": gettext_lazy("See which notifications people of your institution were sent"),
    "GET /api/v1/users/:/messages": gettext_lazy("See which notifications you were sent"),
    "GET /api/v1/users/:/messages/:": gettext_lazy("See what became of a notification"),
    f"POST {CHANNELS}/:/test": gettext_lazy("Send you a test message"),
    f"POST {ACCOUNT}/users": gettext_lazy("Add people to your institution"),
    f"GET {ACCOUNT}/notification_preference_defaults": gettext_lazy(
        "See which notifications people of your institution receive at first"
    ),
    f"PUT {ACCOUNT}/notification_preference_defaults": gettext_lazy(
        "Change which notifications people of your institution receive at first"
    ),
    f"GET {ACCOUNT}/settings": gettext_lazy("See which notifications your institution lets be sent"),
    f"PUT {ACCOUNT}/settings": gettext_lazy("Change which notifications your institution lets be sent"),
    f"GET {ACCOUNT}/bouncing_communication_channels": gettext_lazy(
        "See whose addresses at your institution messages come back from"
    ),
    f"POST {ACCOUNT}/bouncing_communication_channels/reset": gettext_lazy(
        "Have messages sent again to addresses that they came back from"
    ),
    f"GET {ACCOUNT}/unconfirmed_communication_channels": gettext_lazy(
        "See whose addresses at your institution are not confirmed"
    ),
    f"POST {ACCOUNT}/unconfirmed_communication_channels/confirm": gettext_lazy(
        "Mark addresses at your institution as confirmed"
    ),
    f"POST {ACCOUNT}/communication_channels/import": gettext_lazy(
        "Add addresses for people of your institution"
    ),
    f"POST {ACCOUNT}/notifications": gettext_lazy("Send notifications to people of your institution"),
    f"GET {ACCOUNT}/notifications": gettext_lazy("See which notifications your institution sent"),
    f"GET {ACCOUNT}/notifications/:": gettext_lazy("See what became of a notification of your institution"),
    f"DELETE {ACCOUNT}/notifications/:": gettext_lazy(
        "Cancel what is not sent yet of a notification of your institution"
    ),
    "GET /api/v1/progress/:": gettext_lazy("See how far a task that you started is"),
}


def words_of(scope: str) -> Promise | str:
    """The sentence of a scope; method and path of one that has none."""
    method, _, path = scope.removeprefix("url:").partition("|")
    plain = re.sub(r":type/:address", ":", path)
    plain = re.sub(r":\w+", ":", plain)
    plain = re.sub(r"\.(csv|json)$", "", plain)
    fallback = WORDS.get(f"{method} {plain.replace('/users/self/', '/users/:/', 1)}", f"{method} {path}")
    return WORDS.get(f"{method} {plain}", fallback)
