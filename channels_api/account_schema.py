"""Reports, bulk actions, imports and the audit trail, described for OpenAPI; see ``rest.describe``."""

from typing import Any

from canvas_channels.identity.schema import ACCOUNT_ID, USER_ID
from canvas_channels.rest.describe import (
    FLAG,
    ID,
    MOMENT,
    NUMBER,
    TEXT,
    Operation,
    Parameter,
    Schema,
    listing,
    nullable,
    record,
    refusal,
)
from channels_api.audit import Action
from channels_api.import_rows import COLUMNS, CSV_PARAMETER, JSON_PARAMETER
from channels_api.reports import BOUNCING, UNCONFIRMED, Report
from channels_api.schema import BASE, CHANNEL_ID, PAGE, TYPE

TAG = "Accounts"
ACCOUNT = "/api/v1/accounts/{account_id}"
PATH = {"account_id": ACCOUNT_ID}
PROGRESS: Schema = {"$ref": "#/components/schemas/Progress"}

_MOMENT = "ISO 8601, in UTC unless it says otherwise; the moment itself is excluded."
BEFORE_AND_AFTER = (
    Parameter(
        name="before",
        description=f"Only earlier ones. {_MOMENT}",
        schema=MOMENT,
        example="2012-06-01T00:00:00Z",
    ),
    Parameter(name="after", description=f"Only later ones. {_MOMENT}", schema=MOMENT),
)
FILTERS = (
    *BEFORE_AND_AFTER,
    Parameter(
        name="pattern",
        description="The whole address, in any case; `*` is any text.",
        schema={**TEXT, "maxLength": 1_000},
        example="*@example.com",
    ),
    Parameter(name="path_type", description="Only channels of a type.", schema=TYPE),
    Parameter(name="order", description="Oldest first, or newest.", schema={**TEXT, "enum": ["asc", "desc"]}),
    Parameter(
        name="with_invalid_paths", description="Email addresses that are plainly none, too.", schema=FLAG
    ),
)
BAD_FILTERS = {"No date": refusal("before", "invalid", "Enter a valid date/time.")}

_PROGRESS = {
    "id": 1,
    "context_id": 1,
    "context_type": "Account",
    "user_id": 1,
    "tag": "communication_channel_import",
    "completion": 0,
    "workflow_state": "queued",
    "created_at": "2012-05-30T17:00:00Z",
    "updated_at": "2012-05-30T17:00:00Z",
    "message": None,
    "url": "https://channels.example.edu/api/v1/progress/1",
}
_CREATED = {
    "row": 1,
    "status": "created",
    "communication_channel_id": 7,
    "user_id": 1,
    "workflow_state": "active",
}
_FAILED = {
    "row": 2,
    "status": "failed",
    "errors": [{"attribute": "user_id", "type": "not_found", "message": "no such user in this account"}],
}
_ENDED = {
    **_PROGRESS,
    "completion": 100,
    "workflow_state": "completed",
    "message": "2 of 2 rows done, 1 failed",
}


def _id(description: str) -> Schema:
    return {"anyOf": [ID, {"type": "null"}], "description": description}


SCHEMAS: Schema = {
    "Progress": record(
        "How far work in the background has come. Ask again until it has ended.",
        optional=("results",),
        id=ID,
        context_id=ID,
        context_type={"const": "Account"},
        user_id=_id("Who started it."),
        tag={**TEXT, "description": "What kind of work it is."},
        completion={"type": "integer", "minimum": 0, "maximum": 100, "description": "Per cent."},
        workflow_state={**TEXT, "enum": ["queued", "running", "completed", "failed"]},
        created_at=MOMENT,
        updated_at=MOMENT,
        message=nullable(TEXT),
        url={**TEXT, "format": "uri"},
        results={
            **listing({"$ref": "#/components/schemas/ImportResult"}),
            "description": "Once it has ended.",
        },
    ),
    "ImportResult": record(
        "What became of a row.",
        optional=("communication_channel_id", "user_id", "workflow_state", "errors"),
        row={"type": "integer", "minimum": 1},
        status={**TEXT, "enum": ["created", "failed"]},
        communication_channel_id=ID,
        user_id=ID,
        workflow_state=TEXT,
        errors=listing(record(attribute=TEXT, type=TEXT, message=TEXT)),
    ),
    "AuditEntry": record(
        "What was done to a user's channels. It holds no address and no token.",
        id=ID,
        created_at=MOMENT,
        action={**TEXT, "enum": [str(action) for action in Action]},
        user_id=_id("Whose channels they are."),
        communication_channel_id=_id("The channel, where it was one."),
        actor_id=_id("Who did it; null: the service, or whoever has the link that was sent."),
        actor_name=nullable(TEXT),
        acting_as_id=_id("Whom they acted as."),
        developer_key_id=_id("The app's key."),
        developer_key_name=nullable(TEXT),
        details={"type": "object"},
    ),
}


def _reports(report: Report, words: str, row: list[Any]) -> dict[str, Operation]:
    header = list(report.columns)
    common: dict[str, Any] = {
        "tag": TAG,
        "description": f"At most {report.limit:,} rows, for the account's admins:  {', '.join(header)}.",
        "path": PATH,
        "parameters": FILTERS,
        "refusals": BAD_FILTERS,
    }
    csv = "\n".join(",".join(cells) for cells in (header, row)) + "\n"
    as_csv = Operation(
        id=f"{report.name}_csv",
        summary=f"{words}, as CSV",
        answers={"text/csv": {"schema": TEXT, "example": csv}},
        headers=("Content-Disposition",),
        **common,
    )
    as_json = Operation(
        id=f"{report.name}_json",
        summary=f"{words}, as JSON",
        answer=listing(listing(nullable(TEXT))),
        example=[header, row],
        **common,
    )
    return {f"GET {ACCOUNT}/{report.name}.csv": as_csv, f"GET {ACCOUNT}/{report.name}.json": as_json}


_ROW = ["1", "Sheldon Cooper", "1", "email", "sheldon@caltech.example.com", "2012-06-01T08:30:00Z"]

OPERATIONS = {
    **_reports(BOUNCING, "Report addresses that messages come back from", [*_ROW, "550 5.1.1 user unknown"]),
    **_reports(UNCONFIRMED, "Report addresses that are not confirmed", _ROW),
    f"POST {ACCOUNT}/{BOUNCING.name}/reset": Operation(
        id="bulk_reset_bounce_counts",
        tag=TAG,
        summary="Set the bounce counts of a report's channels to 0",
        description="For site admins. The work runs in the background; at most 1,000 at once.",
        path=PATH,
        parameters=FILTERS,
        refusals=BAD_FILTERS,
        answer=record(scheduled_reset_approximate_count=NUMBER),
        example={"scheduled_reset_approximate_count": 12},
    ),
    f"POST {ACCOUNT}/{UNCONFIRMED.name}/confirm": Operation(
        id="bulk_confirm",
        tag=TAG,
        summary="Confirm a report's channels",
        description="For site admins; at most 10,000 at once.",
        path=PATH,
        parameters=FILTERS,
        refusals=BAD_FILTERS,
        answer=record(confirmed_count=NUMBER),
        example={"confirmed_count": 12},
    ),
    f"POST {ACCOUNT}/communication_channels/import": Operation(
        id="import_communication_channels",
        tag=TAG,
        summary="Add many channels",
        description="For admins of the account; at most 10,000 rows in 10 MB. Each row names its user, and "
        "is done in the background: ask the answer's `url`. Not in Canvas.",
        path=PATH,
        body={
            "type": "object",
            "properties": {
                JSON_PARAMETER: listing(
                    {
                        "type": "object",
                        "properties": {**dict.fromkeys(COLUMNS, TEXT), "skip_confirmation": FLAG},
                    }
                )
            },
        },
        body_example={
            JSON_PARAMETER: [
                {
                    "sis_user_id": "SIS-1",
                    "type": "email",
                    "address": "new@example.com",
                    "skip_confirmation": True,
                }
            ]
        },
        bodies={
            "text/csv": {
                "schema": TEXT,
                "example": "sis_user_id,type,address\nSIS-1,email,new@example.com\n",
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {CSV_PARAMETER: {**TEXT, "description": "The CSV, as a file or a field."}},
                }
            },
        },
        answer=PROGRESS,
        example=_PROGRESS,
        refusals={
            "No rows": refusal(JSON_PARAMETER, "blank", "can't be blank"),
            "Too many rows": refusal(JSON_PARAMETER, "too_many", "has more than 10000 rows"),
        },
    ),
    "GET /api/v1/progress/{id}": Operation(
        id="get_progress",
        tag=TAG,
        summary="Show how far an import or a reset has come",
        description="For whoever started it, and admins of its account. It is kept for 30 days.",
        path={"id": Parameter(name="id", description="Its id.", schema=CHANNEL_ID.schema, example=1)},
        answer=PROGRESS,
        examples={"Waiting": _PROGRESS, "Ended": {**_ENDED, "results": [_CREATED, _FAILED]}},
    ),
    f"GET {BASE}/audit": Operation(
        id="audit_communication_channels",
        tag=TAG,
        summary="Show who did what to a user's channels",
        description="For admins over the user, newest first. Not in Canvas.",
        path={"user_id": USER_ID},
        parameters=(
            *PAGE,
            Parameter(
                name="action",
                description="Only what was done so.",
                schema={**TEXT, "enum": [str(action) for action in Action]},
            ),
            Parameter(
                name="communication_channel_id", description="Only one channel's.", schema=CHANNEL_ID.schema
            ),
            *BEFORE_AND_AFTER,
        ),
        answer=listing({"$ref": "#/components/schemas/AuditEntry"}),
        example=[
            {
                "id": 1,
                "created_at": "2012-05-30T17:00:00Z",
                "action": "retire",
                "user_id": 1,
                "communication_channel_id": 1,
                "actor_id": 2,
                "actor_name": "Account Admin",
                "acting_as_id": None,
                "developer_key_id": 1,
                "developer_key_name": "Admin scripts",
                "details": {},
            }
        ],
        headers=("Link",),
        refusals={"No such action": refusal("action", "invalid_choice", "Select a valid choice.")},
    ),
}
