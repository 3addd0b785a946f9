"""The values in the API's description are the code's: choices, names, limits, and the words of refusals."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.validators import MaxLengthValidator
from jsonschema import Draft202012Validator

from canvas_channels.core.identity import profiles
from canvas_channels.core.identity.callers import MAX_ID
from canvas_channels.core.identity.custom_data import store, views
from canvas_channels.core.rest import pagination
from canvas_channels.core.rest.errors import CHALLENGE
from canvas_channels.openapi import reading
from channels_api.accounts import import_rows, progress, reports
from channels_api.accounts.report_formats import FORMATS
from channels_api.accounts.views import ImportRequest
from channels_api.audit import Action
from channels_api.channels import representation
from channels_api.channels.confirm import WRONG_TRIES
from channels_api.messages.channel_counts import MAX_CHANNELS
from channels_api.models import CommunicationChannel, Progress
from channels_api.users import rules
from notifications.dispatches import counts, parsing
from notifications.dispatches.idempotency import KEPT_FOR
from notifications.dispatches.models import Dispatch
from notifications.dispatches.rules import MOST_UNKNOWN
from notifications.dispatches.views import NotificationRequest
from notifications.messages.models import Message
from notifications.preferences.models import Frequency
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint, World
from tests.api.test_every_right import undone
from tests.api.test_rights import ROLES
from tests.factories import make_token
from tests.openapi.test_code import ACCOUNT, CHANNELS, COMPONENTS, OPERATIONS, content, path_of
from tests.test_structure import SOURCES

SCHEMAS = COMPONENTS["schemas"]
CHANNEL_TYPES = list(CommunicationChannel.Type)
STATES = CommunicationChannel.WorkflowState
# One that failed for good is shown as queued.
SHOWN_STATES = [state for state in Dispatch.WorkflowState if state != Dispatch.WorkflowState.FAILED]
CHOICES: dict[str, list[Any]] = {
    "AuditEntry.action": list(Action),
    "CommunicationChannel.type": CHANNEL_TYPES,
    "CommunicationChannel.workflow_state": list(STATES),
    "CommMessage.workflow_state": list(Message.WorkflowState),
    "ImportResult.status": ["created", "failed"],
    "MessageOutcome.kind": list(Message.Kind),
    "MessageOutcome.type": CHANNEL_TYPES,
    "MessageOutcome.workflow_state": list(Message.WorkflowState),
    "Notification.workflow_state": SHOWN_STATES,
    "NotificationWithCounts.workflow_state": SHOWN_STATES,
    "CourseOverride.frequency": list(Frequency),
    "NotificationPreference.frequency": list(Frequency),
    "NotificationPreferenceDefault.frequency": list(Frequency),
    "NotificationPreferenceDefault.type": CHANNEL_TYPES,
    "OwnMessage.kind": list(Message.Kind),
    "OwnMessage.type": CHANNEL_TYPES,
    "OwnMessage.workflow_state": list(Message.WorkflowState),
    "Progress.workflow_state": list(Progress.WorkflowState),
    "WriteConflict.type_at_conflict": [
        *("String", "Integer", "Float", "TrueClass", "FalseClass", "Array"),
    ],
}


def enums(node: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[str, list[Any]]]:
    """Each list of choices with the name of what it is of: the property or the parameter."""
    if isinstance(node, dict):
        if isinstance(node.get("enum"), list):
            yield next(name for name in reversed(where) if name not in {"schema", "items"}), node["enum"]
        named: dict[str, str] = {"schema": str(node["name"])} if {"name", "in"} <= node.keys() else {}
        for key, value in node.items():
            yield from enums(value, (*where, str(named.get(key, key))))
    elif isinstance(node, list):
        for value in node:
            yield from enums(value, where)


def test_choices_of_objects_are_the_codes() -> None:
    found = {
        f"{name}.{key}": one["enum"]
        for name, schema in SCHEMAS.items()
        for key, one in schema.get("properties", {}).items()
        if "enum" in one
    }
    assert found == CHOICES
    ruby = {*views._RUBY.values(), "TrueClass", "FalseClass"}
    assert set(CHOICES["WriteConflict.type_at_conflict"]) == ruby


def test_choices_of_parameters_are_the_codes() -> None:
    """Those of filters are compared with the filters."""
    known = {
        "frequency": list(Frequency),
        "type": CHANNEL_TYPES,
        "path_type": CHANNEL_TYPES,
        "action": list(Action),
        "order": ["asc", "desc"],
        "workflow_state": [STATES.UNCONFIRMED, STATES.ACTIVE],
        "grant_type": ["authorization_code", "refresh_token"],
    }
    for node in (OPERATIONS, COMPONENTS["parameters"], COMPONENTS["requestBodies"]):
        for name, choices in enums(node):
            assert choices == known[re.findall(r"[^\[\]]+", name)[-1]], name


def test_objects_have_the_fields_that_the_code_shows() -> None:
    shown = {
        "CommunicationChannel": (representation.FIELDS, representation.BOUNCE_DETAILS),
        "User": (profiles.FIELDS, ("login_id", "sis_user_id")),
        "UserWithChoices": ((*profiles.FIELDS, *rules.LOCAL), ("login_id", "sis_user_id")),
        "Profile": ((*profiles.FIELDS, *rules.LOCAL, "primary_email"), ("login_id", "sis_user_id")),
    }
    for name, (always, to_some) in shown.items():
        assert SCHEMAS[name]["properties"].keys() == {*always, *to_some}
        assert set(SCHEMAS[name]["required"]) == set(always)


def test_an_import_has_the_columns_and_the_limits_of_the_code() -> None:
    operation = OPERATIONS[f"POST {ACCOUNT}/communication_channels/import"]
    shown = content(operation)["application/json"]["schema"]["properties"]
    assert shown.keys() == {import_rows.JSON_PARAMETER, import_rows.CSV_PARAMETER}
    assert tuple(shown[import_rows.JSON_PARAMETER]["items"]["properties"]) == import_rows.COLUMNS
    assert (
        f"{import_rows.MAX_ROWS:,} rows in {ImportRequest.max_body // 2**20} MB" in operation["description"]
    )
    too_large = COMPONENTS["responses"]["BodyTooLarge"]
    assert f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes" in json.dumps(too_large)
    assert ImportRequest.max_body == NotificationRequest.max_body
    largest = f"that of an import or of a notification {ImportRequest.max_body // 2**20} MB"
    assert largest in too_large["description"]
    assert f"has more than {import_rows.MAX_ROWS} rows" in json.dumps(operation)


def test_a_notification_has_the_limits_and_the_counts_of_the_code() -> None:
    operation = OPERATIONS[f"POST {ACCOUNT}/notifications"]
    shown = content(operation)["application/json"]["schema"]["properties"]
    for name, field in parsing.NotificationForm.base_fields.items():
        limits = [one for one in field.validators if type(one) is MaxLengthValidator]
        assert shown[name].get("maxLength") == (limits[0].limit_value if limits else None), name
    course_id = shown["course_id"]
    assert (course_id["minimum"], course_id["maximum"]) == (1, MAX_ID)
    assert f"1 to {parsing.MAX_RECIPIENTS:,} recipients" in shown[parsing.USER_IDS]["description"]
    assert f"at most {parsing.MAX_BODY_BYTES:,} bytes" in shown["body"]["description"]
    assert f"at most {parsing.MAX_HTML_BYTES // 1024} KB" in shown["html_body"]["description"]
    assert f"names more than {parsing.MAX_RECIPIENTS} users" in json.dumps(operation)
    assert f"within {KEPT_FOR // timedelta(hours=1)} hours" in json.dumps(operation["parameters"])
    assert tuple(SCHEMAS["NotificationCounts"]["properties"]) == (*counts.SHOWN, "withheld")
    assert tuple(SCHEMAS["NotificationsWithheld"]["properties"]) == counts.WITHHELD
    assert SCHEMAS["NotificationWithCounts"]["properties"]["errors"]["maxItems"] == MOST_UNKNOWN


@pytest.mark.parametrize("report", [reports.BOUNCING, reports.UNCONFIRMED], ids=lambda report: report.name)
def test_a_report_has_the_columns_and_the_limit_of_the_code(report: reports.Report) -> None:
    columns = list(report.columns)
    for extension in FORMATS:
        operation = OPERATIONS[f"GET {ACCOUNT}/{report.name}.{extension}"]
        words = f"At most {report.limit:,} rows, for the account's admins: {', '.join(columns)}."
        assert operation["description"] == words
        [media] = operation["responses"]["200"]["content"].values()
        example = media["example"]
        assert (example.splitlines()[0].split(",") if extension == "csv" else example[0]) == columns
        headers = operation["responses"]["200"]["headers"].keys()
        assert ("Content-Disposition" in headers) is (extension == "csv")
    action = "reset" if report is reports.BOUNCING else "confirm"
    text = OPERATIONS[f"POST {ACCOUNT}/{report.name}/{action}"]["description"]
    assert f"at most {report.limit:,} at once" in text


def test_its_limits_are_the_codes() -> None:
    sizes = {"KB": store.MAX_BYTES // 1024, "namespaces": store.MAX_NAMESPACES}
    for path in ("", "/{scope}"):
        operation = OPERATIONS[f"PUT /api/v1/users/{{user_id}}/custom_data{path}"]
        text = f"At most {sizes['KB']} KB a user and namespace, {sizes['namespaces']} namespaces a user."
        assert operation["description"] == text
    examples = json.dumps(COMPONENTS["examples"])
    assert f"a namespace may hold {store.MAX_BYTES} bytes" in examples
    assert f"there are {store.MAX_NAMESPACES} namespaces" in examples
    shared = COMPONENTS["parameters"]
    assert f"at most {store.MAX_NAMESPACE} characters" in shared["namespace"]["description"]
    assert shared["per_page"]["schema"]["default"] == pagination.DEFAULT_PER_PAGE
    assert f"At most {pagination.MAX_PER_PAGE};" in shared["per_page"]["description"]
    assert f"at most {MAX_CHANNELS} communication channels" in json.dumps(OPERATIONS[f"POST {CHANNELS}"])
    assert f"kept for {progress.KEPT_FOR.days} days" in OPERATIONS["GET /api/v1/progress/{id}"]["description"]
    confirm = OPERATIONS["POST /api/v1/users/self/communication_channels/{id}/confirm"]
    assert WRONG_TRIES == 5
    tries = f"{settings.CONFIRMATION_SMS_MINUTES} minutes and five tries"
    assert tries in confirm["description"]
    assert settings.OAUTH2_PROVIDER["AUTHORIZATION_CODE_EXPIRE_SECONDS"] == 600
    assert "for ten minutes" in OPERATIONS["POST /login/oauth2/token"]["description"]


def test_its_challenge_is_the_codes() -> None:
    header = COMPONENTS["headers"]["WWW-Authenticate"]
    assert header["schema"] == {"const": CHALLENGE["WWW-Authenticate"]}


def spoken() -> tuple[set[str], list[re.Pattern[str]]]:
    """Every text in the code, and every one with places that are filled in."""
    texts, filled = set(), []
    for path in SOURCES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
                if "%(" in node.value:
                    filled.append(re.compile(re.sub(r"%\\\(\w+\\\)s", ".+", re.escape(node.value))))
            elif isinstance(node, ast.JoinedStr):
                words = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
                if any(word and len(word) > 3 for word in words):
                    pattern = "".join(".+" if word is None else re.escape(word) for word in words)
                    filled.append(re.compile(pattern))
    return texts, filled


def sentences(node: Any) -> Iterator[str]:
    """What the examples of refusals say: their types and their words."""
    if isinstance(node, dict):
        if isinstance(node.get("errors"), str):
            yield node["errors"]
        for key in ("message", "type"):
            if isinstance(node.get(key), str):
                yield node[key]
        for value in node.values():
            yield from sentences(value)
    elif isinstance(node, list):
        for value in node:
            yield from sentences(value)


def refusals() -> Iterator[Any]:
    answers = [*COMPONENTS["responses"].values()]
    for operation in OPERATIONS.values():
        answers += [one for status, one in operation["responses"].items() if status >= "400"]
    for answer in answers:
        for media in answer.get("content", {}).values():
            yield media.get("example")
            yield from (reading.follow(one)["value"] for one in media.get("examples", {}).values())


def test_its_refusals_are_in_the_codes_words() -> None:
    texts, filled = spoken()
    from_libraries = {
        "invalid_choice",
        "Select a valid choice.",
        "Enter a valid date/time.",
        "CSRF failed: CSRF token missing.",
    }
    said = {text for example in refusals() for text in sentences(example)} - from_libraries
    assert len(said) > 30
    assert [
        text for text in said if text not in texts and not any(one.fullmatch(text) for one in filled)
    ] == []


def closed(node: Any) -> Any:
    """The schema with objects that have their listed properties and no others."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    shut = {"additionalProperties": False} if {"properties", "required"} <= node.keys() else {}
    return shut | {key: closed(value) for key, value in node.items()}


@pytest.mark.django_db
@pytest.mark.in_process
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_answers_are_as_described(endpoint: Endpoint) -> None:
    """Those to callers who may ask and to those who may not; the fuzzer tries more."""
    world = World()
    operation = OPERATIONS[f"{endpoint.method} {path_of(endpoint.route(world)[1])}"]
    for role, person in ROLES.items():
        with undone():
            answer = endpoint.call(ApiClient(make_token(person(world.owner), world.key)), world)
        described = reading.follow(operation["responses"][str(answer.status_code)])
        kind = answer["Content-Type"].partition(";")[0]
        assert kind in described["content"], role
        for name, header in described["headers"].items():
            assert answer.has_header(name) or not reading.follow(header).get("required"), name
        if kind == "application/json":
            schema = closed(described["content"][kind]["schema"])
            schema["components"] = {"schemas": closed(SCHEMAS)}
            assert list(Draft202012Validator(schema).iter_errors(json.loads(answer.getvalue()))) == [], role
