"""Custom data, described for OpenAPI; see ``rest.describe``."""

from typing import Any

from canvas_channels.identity.custom_data import MAX_BYTES, MAX_NAMESPACE, MAX_NAMESPACES
from canvas_channels.identity.schema import USER_ID
from canvas_channels.rest.describe import (
    ANY_HEADERS,
    TEXT,
    Operation,
    Parameter,
    Schema,
    answered,
    header,
    record,
    refusal,
)

SCHEMAS: Schema = {
    "CustomData": record(
        "What is kept at the scope: any JSON. Ids in it are never made strings.",
        data={"description": "Any JSON."},
    ),
    "WriteConflict": record(
        "An outer scope holds something that is no object.",
        message={"const": "write conflict for custom_data hash"},
        conflict_scope=TEXT,
        type_at_conflict={
            **TEXT,
            "enum": ["String", "Integer", "Float", "TrueClass", "FalseClass", "Array"],
        },
        value_at_conflict={"description": "Any JSON."},
    ),
}

SCOPE = Parameter(
    name="scope",
    description="Keys that lead into nested objects, with slashes between them; one that ends in `.json` "
    "is kept as it is.",
    example="data_sync",
)
NAMESPACE = Parameter(
    name="ns",
    description=f"Required: the app's own namespace, of at most {MAX_NAMESPACE} characters.",
    example="com.example.app",
)
DATA = Parameter(
    name="data",
    description="Required: what to keep. JSON in a JSON body; forms hold strings, or objects of them "
    "(`data[waist]=32in`). Null, and null on the way to a scope, counts as nothing. Integers beyond 64 bits "
    "become floats.",
    schema={},
    example="32in",
)
ANSWER: Schema = {"$ref": "#/components/schemas/CustomData"}
EXAMPLE = {"data": {"waist": "32in", "inseam": "34in"}}
NO_NAMESPACE = {"No namespace, or a bad one": {"message": "invalid namespace"}}
NOTHING = {"Nothing is kept there": {"message": "no data for scope"}}
LIMITS = {
    "No data": {"message": "no data specified"},
    "Too much": refusal("data", "too_long", f"a namespace may hold {MAX_BYTES} bytes"),
    "Nested too deep": refusal("data", "too_deep", "is nested too deep"),
    "Too many namespaces": refusal(
        "ns", "too_many", f"there are {MAX_NAMESPACES} namespaces, which is the most"
    ),
}


def _response(description: str, content: Schema) -> Schema:
    return {
        "description": description,
        "headers": {name: header(name) for name in ANY_HEADERS},
        "content": content,
    }


CREATED = _response("Done, and there was nothing before.", answered(ANSWER, EXAMPLE))
CONFLICT = _response(
    "An outer scope holds something that is no object, and would be lost.",
    answered(
        {"$ref": "#/components/schemas/WriteConflict"},
        {
            "message": "write conflict for custom_data hash",
            "conflict_scope": "fashion_app/hair",
            "type_at_conflict": "String",
            "value_at_conflict": "blonde",
        },
    ),
)


def _operations(ending: str, name: str, path: dict[str, Parameter], where: str) -> dict[str, Operation]:
    common: dict[str, Any] = {
        "tag": "Custom data",
        "path": path,
        "answer": ANSWER,
        "example": EXAMPLE,
        "refused": ("Message", "RefusedValue", "Errors"),
    }
    route = f"/api/v1/users/{{user_id}}/custom_data{ending}"
    return {
        f"GET {route}": Operation(
            id=f"get_{name}",
            summary=f"Show {where}",
            description="For the user, and for admins over them.",
            parameters=(NAMESPACE,),
            refusals=NO_NAMESPACE | NOTHING,
            **common,
        ),
        f"PUT {route}": Operation(
            id=f"set_{name}",
            summary=f"Keep {where}",
            description=f"At most {MAX_BYTES // 1024} KB a user and namespace, {MAX_NAMESPACES} namespaces "
            "a user.",
            parameters=(NAMESPACE, DATA),
            refusals=NO_NAMESPACE | LIMITS,
            statuses={"201": CREATED, "409": CONFLICT},
            **common,
        ),
        f"DELETE {route}": Operation(
            id=f"delete_{name}",
            summary=f"Forget {where}",
            description="Answers what was there. Objects around it that become empty go with it.",
            parameters=(NAMESPACE,),
            refusals=NO_NAMESPACE | NOTHING,
            **common,
        ),
    }


OPERATIONS = {
    **_operations("", "custom_data", {"user_id": USER_ID}, "all that an app keeps of a user"),
    **_operations(
        "/{scope}",
        "custom_data_scope",
        {"user_id": USER_ID, "scope": SCOPE},
        "a part of what an app keeps of a user",
    ),
}
