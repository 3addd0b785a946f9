"""People from Canvas's API, by the library canvasapi, which is not installed everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from canvasapi.account import Account
from canvasapi.communication_channel import CommunicationChannel
from canvasapi.exceptions import (
    CanvasException,
    Forbidden,
    InvalidAccessToken,
    ResourceDoesNotExist,
    Unauthorized,
)
from canvasapi.requester import Requester
from canvasapi.user import User
from requests import RequestException

from notifications.canvas_import.pacing import Paced
from notifications.canvas_import.report import Report, left
from notifications.canvas_import.rows import Person, Row, SourceFailed, Unfit

_REFUSED = (Forbidden, Unauthorized, ResourceDoesNotExist)
_NAMES = {"address": "path", "type": "path_type"}  # what the API calls a column otherwise


class Api:
    """``canvas_account``: the account whose people are moved, by its id; empty: the token's own."""

    def __init__(self, url: str, token: str, canvas_account: str, report: Report) -> None:
        self._requester = Requester(url, token)
        self._requester._session.mount(url, Paced())
        self._account = canvas_account or "self"
        self._report = report

    def people(self) -> list[Person]:
        """Everybody, without what :meth:`fill` reads. Raises :class:`SourceFailed`."""
        try:
            with _failures_named():
                found = self._requester.request("GET", f"accounts/{self._account}").json()
                account = Account(self._requester, {"id": found["id"]})
                self._root = str(found.get("root_account_id") or found["id"])
                rows = [Row(vars(user)) for user in account.get_users(include=["locale", "time_zone"])]
        except _REFUSED as error:
            raise SourceFailed(f"Canvas does not show the account's people: {_words(error)}") from error
        people = []
        for row in rows:
            try:
                people.append(Person(row.id("id"), row))
            except Unfit as why:
                self._report.add(left("users", row, why))
        return people

    def fill(self, person: Person) -> None:
        """Read logins, channels and preferences. Raises :class:`Unfit`, and :class:`SourceFailed`."""
        user = User(self._requester, {"id": person.id})
        try:
            with _failures_named():
                for login in user.get_user_logins():
                    row = Row(vars(login))
                    if str(row.values.get("account_id")) == self._root:
                        person.logins.append(row)
                    else:
                        self._report.add(left("pseudonyms", row, Unfit("is a login of another account")))
                for channel in user.get_communication_channels():
                    named = {_NAMES.get(name, name): value for name, value in vars(channel).items()}
                    person.channels.append(Row(named))
                    person.preferences += self._preferences(channel, person)
        except _REFUSED as error:
            raise Unfit("Canvas does not let them be read", _words(error)) from error

    def _preferences(self, channel: CommunicationChannel, person: Person) -> Iterator[Row]:
        """As Canvas shows them to an admin, else to the user whom an admin may act as."""
        try:
            found = channel.get_preferences()
        except (Forbidden, Unauthorized):
            try:
                found = channel.get_preferences(as_user_id=person.id)
            except (Forbidden, Unauthorized) as error:
                row = Row({"communication_channel_id": channel.id, "user_id": person.id})
                why = Unfit("Canvas does not let them be read", _words(error))
                self._report.add(left("notification_policies", row, why))
                return
        for entry in found:
            yield Row(entry | {"communication_channel_id": channel.id, "user_id": person.id})


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except InvalidAccessToken as error:
        raise SourceFailed("Canvas does not know the token in CANVAS_TOKEN") from error
    except _REFUSED:
        raise
    except (CanvasException, RequestException) as error:
        raise SourceFailed(f"Canvas does not answer: {_words(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceFailed("what Canvas answers is not what its API does: is the URL right?") from error


def _words(error: Any) -> str:
    return " ".join(str(error).split())[:200]
