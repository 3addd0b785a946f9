"""The description's words about the API as a whole."""

from canvas_channels.rest.describe import Schema

DESCRIPTION = """\
Keeps, proves and delivers over users' contact channels, as the Communication Channels API of Canvas does.

**Parameters** may come in the query string (on every method), as a form \
(`communication_channel[address]=...`), as multipart, or as JSON \
(`{"communication_channel": {"address": ...}}`). Query and body are merged key by key; a value \
of the body wins, and of a key that is sent twice the last one counts. Booleans are true/false, t/f, \
yes/no, y/n, on/off or 1/0, in any case; anything else counts as false.

**Paths**: a slash at the end, doubled slashes and `.json` at the end name the same resource, but for an \
address and a scope of custom data, which are kept as they are.

**Answers** are JSON in UTF-8, whatever `Accept` says, but for CSV reports and the rate limit's plain text. \
Times are ISO 8601 in UTC. With `Accept: application/json+canvas-string-ids` every `id` and `..._id` is a \
string. `HEAD` answers what `GET` does, without the body.

**Errors**: one shape a cause. Checked in this order: credentials and scope (401), a body that cannot be \
read (400), acting as (401), the user or account exists (404), rights (403), the channel exists (404), the \
values (400). A path that does not exist is a 404 whoever asks; a method that a path does not have is a 405 \
(`{"errors": [{"message": "..."}]}`).

**Throttling** is by what requests cost. `X-Request-Cost` and `X-Rate-Limit-Remaining` are on every answer \
to a known token. A client that makes one request at a time is never throttled.
"""

SECURITY_SCHEMES: Schema = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer <token>`, from OAuth 2 or an operator.",
    },
    "access_token": {
        "type": "apiKey",
        "in": "query",
        "name": "access_token",
        "description": "The token as a parameter, in the query or in the body. Links never keep it.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of somebody who signed in at `/login`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRFToken",
        "description": "With a session, on POST, PUT and DELETE: the value of the cookie `csrftoken`.",
    },
}

TAGS: list[Schema] = [
    {"name": "Channels", "description": "A user's email addresses, phone numbers, and devices as one."},
    {"name": "Devices", "description": "The devices that push notifications go to."},
    {"name": "Confirming", "description": "Proving that an address or a number is the user's."},
    {"name": "Notification preferences", "description": "How often a channel gets which notification."},
    {"name": "Users", "description": "Users, as clients look them up before anything else."},
    {"name": "Custom data", "description": "What apps keep of a user: JSON, each in a namespace of its own."},
    {"name": "Accounts", "description": "Reports, bulk actions, imports and the audit trail, for admins."},
    {"name": "Tokens", "description": "OAuth 2, at Canvas's paths."},
]
