"""Clients can look up what to do about each error."""

import ast
from collections.abc import Iterable, Iterator

from oauthlib.oauth2.rfc6749 import errors as oauth_errors
from rest_framework.exceptions import APIException

from canvas_channels.openapi import reading
from channels_api.errors import Reason
from tests.test_structure import SOURCES

CORE = "canvas_channels.core."  # which knows nothing of the registry's reasons


def literal_slugs(modules: Iterable[str]) -> set[str]:
    """The types that the code gives errors outright: the second of three texts."""
    found = set()
    for path in map(SOURCES.__getitem__, modules):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name("InvalidParameter" | "InvalidValue" | "DataRefused"),
                    args=[_, ast.Constant(str(kind)), _],
                ):
                    found.add(kind)
    return found


def test_it_says_what_to_do_about_each_type_of_error() -> None:
    of_registry = {reason.type for reason in Reason}
    below = {
        "too_deep",
        "too_long",
        "invalid_choice",
    }  # of custom data and filters
    assert literal_slugs(SOURCES) - of_registry <= below
    assert reading.error_types().keys() == of_registry | below


def test_above_the_core_types_are_reasons() -> None:
    assert not literal_slugs(name for name in SOURCES if not name.startswith(CORE))
    assert literal_slugs(name for name in SOURCES if name.startswith(CORE))


def test_it_says_what_to_do_about_each_error_of_oauth() -> None:
    """Of those that RFC 6749, sections 4.1.2.1 and 5.2, knows."""
    known = {getattr(one, "error", None) for one in vars(oauth_errors).values()}
    shown = reading.oauth_errors().keys()
    assert shown <= known
    assert {"invalid_client", "invalid_grant", "invalid_request", "invalid_scope"} <= shown


def all_errors(kind: type[APIException] = APIException) -> Iterator[type[APIException]]:
    for below in kind.__subclasses__():
        yield below
        yield from all_errors(below)


def test_it_says_what_to_do_about_each_status() -> None:
    ours = [error for error in all_errors() if not error.__module__.startswith("rest_framework")]
    shown = {error["name"]: error["status"] for error in reading.errors()}
    assert set(shown.values()) == {error.status_code for error in ours} | {
        405,
        429,
    }  # DRF's, by a setting
    for methods in reading.description()["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                name = response.get("$ref", "").rpartition("/")[2]
                assert shown.get(name, int(status)) == int(status)
