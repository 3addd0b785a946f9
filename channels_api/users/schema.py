"""Users, described for OpenAPI; see ``rest.describe``."""

from canvas_channels.identity.schema import ACCOUNT_ID, USER_ID
from canvas_channels.rest.describe import (
    FLAG,
    ID,
    MOMENT,
    TEXT,
    Operation,
    Parameter,
    Schema,
    nullable,
    record,
    refusal,
)

FOR_ADMINS = ("login_id", "sis_user_id")
USER: Schema = {
    "id": ID,
    "name": TEXT,
    "short_name": TEXT,
    "sortable_name": TEXT,
    "created_at": MOMENT,
    "login_id": {**TEXT, "description": "For admins over the user only."},
    "sis_user_id": {**nullable(TEXT), "description": "For admins over the user only."},
}
CHOICES: Schema = {
    "locale": {**nullable(TEXT), "description": "Null: the account's."},
    "time_zone": {**nullable(TEXT), "description": "An IANA name. Null: the account's."},
}

SCHEMAS: Schema = {
    "User": record(optional=FOR_ADMINS, **USER),
    "UserWithChoices": record(optional=FOR_ADMINS, **USER, **CHOICES),
    "Profile": record(
        optional=FOR_ADMINS,
        **USER,
        **CHOICES,
        primary_email={**nullable(TEXT), "description": "The first active email address."},
    ),
}

SHOWN = {
    "id": 1,
    "name": "Sheldon Cooper",
    "short_name": "Sheldon",
    "sortable_name": "Cooper, Sheldon",
    "created_at": "2012-05-30T17:00:00Z",
}
FOR_AN_ADMIN = SHOWN | {"login_id": "sheldon@caltech.example.com", "sis_user_id": "SIS-1"}
CHOSEN = {"locale": "de", "time_zone": "America/Los_Angeles"}

TIME_ZONE = Parameter(
    name="user[time_zone]",
    description="An IANA name; null in JSON ends the choice.",
    example="America/Los_Angeles",
)
LOCALE = Parameter(
    name="user[locale]",
    description="A language that there are texts in, or a kind of one (`es-MX`); null in JSON ends it.",
    example="de",
)
SHORT_NAME = Parameter(name="user[short_name]", description="For admins. Empty: as the name.")
SORTABLE_NAME = Parameter(name="user[sortable_name]", description="For admins. Empty: made of the name.")
ZONE_REFUSED = {
    "No time zone": refusal("time_zone", "invalid", "must be the name of a time zone, as America/Denver"),
    "No language": refusal("locale", "invalid", "must be a language that there are texts in, as de"),
}

OPERATIONS = {
    "GET /api/v1/users/{user_id}": Operation(
        id="get_user",
        tag="Users",
        summary="Show a user",
        description="For the user, and for admins over them.",
        path={"user_id": USER_ID},
        answer={"$ref": "#/components/schemas/User"},
        examples={"For oneself": SHOWN, "For an admin": FOR_AN_ADMIN},
    ),
    "PUT /api/v1/users/{user_id}": Operation(
        id="update_user",
        tag="Users",
        summary="Change a user",
        description="For the user, and for admins over them; names are the admins' to change. All or "
        "nothing; the other names follow the name where they did so before.",
        path={"user_id": USER_ID},
        parameters=(
            TIME_ZONE,
            LOCALE,
            Parameter(name="user[name]", description="For admins.", example="Sheldon Lee Cooper"),
            SHORT_NAME,
            SORTABLE_NAME,
        ),
        answer={"$ref": "#/components/schemas/UserWithChoices"},
        example=SHOWN | CHOSEN,
        refusals={**ZONE_REFUSED, "No name": refusal("name", "blank", "can't be blank")},
    ),
    "GET /api/v1/users/{user_id}/profile": Operation(
        id="get_profile",
        tag="Users",
        summary="Show a user's profile",
        description="For the user, and for admins over them.",
        path={"user_id": USER_ID},
        answer={"$ref": "#/components/schemas/Profile"},
        examples={
            "For oneself": SHOWN | CHOSEN | {"primary_email": "sheldon@caltech.example.com"},
            "For an admin": FOR_AN_ADMIN | {"locale": None, "time_zone": None, "primary_email": None},
        },
    ),
    "POST /api/v1/accounts/{account_id}/users": Operation(
        id="create_user",
        tag="Accounts",
        summary="Make a user",
        description="For admins of the account. The user, the login and the channel are made together or "
        "not at all. Without `skip_registration` or `skip_confirmation` the user is pre-registered, and a "
        "confirmation is sent to the channel.",
        path={"account_id": ACCOUNT_ID},
        parameters=(
            Parameter(name="user[name]", description="Required.", example="Sheldon Cooper"),
            SHORT_NAME,
            SORTABLE_NAME,
            TIME_ZONE,
            LOCALE,
            Parameter(
                name="pseudonym[unique_id]",
                description="Required: the login, which the account has only once, in any case.",
                example="sheldon@caltech.example.com",
            ),
            Parameter(name="pseudonym[sis_user_id]", description="The id in the student system."),
            Parameter(name="user[skip_registration]", description="Registered at once.", schema=FLAG),
            Parameter(
                name="communication_channel[type]",
                description="`email` (the default) or `sms`.",
                example="email",
            ),
            Parameter(name="communication_channel[address]", description="By default the login."),
            Parameter(
                name="communication_channel[skip_confirmation]",
                description="Active at once, without a message; the user is registered.",
                schema=FLAG,
            ),
        ),
        answer={"$ref": "#/components/schemas/UserWithChoices"},
        example=FOR_AN_ADMIN | {"locale": None, "time_zone": None},
        refusals={
            **ZONE_REFUSED,
            "No name": refusal("name", "blank", "can't be blank"),
            "A login that there is": refusal("pseudonym[unique_id]", "taken", "is taken"),
            "A SIS id that there is": refusal("pseudonym[sis_user_id]", "taken", "is taken"),
            "A bad address": refusal("address", "invalid", "is not a valid email address"),
        },
    ),
}
