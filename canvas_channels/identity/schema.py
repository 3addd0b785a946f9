"""How paths name users and accounts, described for OpenAPI; see ``rest.describe``."""

from canvas_channels.rest.describe import Parameter

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
