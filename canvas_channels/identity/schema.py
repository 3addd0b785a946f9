"""Users and accounts, described for OpenAPI; see ``rest.describe``."""

from canvas_channels.rest.describe import ID, MOMENT, TEXT, Operation, Parameter, Schema, nullable, record

USER_ID = Parameter(
    name="user_id",
    description="A number, `self`, `sis_user_id:<id>`, `sis_login_id:<login>`, or "
    "`hex:sis_user_id:<hex of the id>`. The last three look among the logins of the caller's account (a "
    "site admin's is the default account); "
    "to anyone but an admin a login or SIS id that is not their own is a 404.",
    example="self",
)
ACCOUNT_ID = Parameter(
    name="account_id",
    description="A number, or `self` for the caller's account (a site admin's is the default one).",
    example="self",
)

SCHEMAS: Schema = {
    "User": record(
        optional=("login_id", "sis_user_id"),
        id=ID,
        name=TEXT,
        short_name=TEXT,
        sortable_name=TEXT,
        created_at=MOMENT,
        login_id={**TEXT, "description": "For admins over the user only."},
        sis_user_id={**nullable(TEXT), "description": "For admins over the user only."},
    ),
}

OPERATIONS = {
    "GET /api/v1/users/{user_id}": Operation(
        id="get_user",
        tag="Users",
        summary="Show a user",
        description="For the user, and for admins over them.",
        path={"user_id": USER_ID},
        answer={"$ref": "#/components/schemas/User"},
        examples={
            "For oneself": {
                "id": 1,
                "name": "Sheldon Cooper",
                "short_name": "Sheldon",
                "sortable_name": "Cooper, Sheldon",
                "created_at": "2012-05-30T17:00:00Z",
            },
            "For an admin": {
                "id": 1,
                "name": "Sheldon Cooper",
                "short_name": "Sheldon",
                "sortable_name": "Cooper, Sheldon",
                "created_at": "2012-05-30T17:00:00Z",
                "login_id": "sheldon@caltech.example.com",
                "sis_user_id": "SIS-1",
            },
        },
    ),
}
