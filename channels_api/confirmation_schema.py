"""Confirming channels, described for OpenAPI; see ``rest.describe``."""

from canvas_channels.identity.schema import USER_ID
from canvas_channels.rest.describe import FLAG, Operation, Parameter, record, refusal
from channels_api.schema import BASE, CHANNEL, CHANNEL_ID, EMAIL, OWN

TAG = "Confirming"
OF_CHANNEL = {"user_id": USER_ID, "id": CHANNEL_ID}

_RESENDING = (
    "False, and nothing is sent, where the channel is confirmed, is bouncing, or had its messages of the day."
)


def _resend(operation_id: str) -> Operation:
    return Operation(
        id=operation_id,
        tag=TAG,
        summary="Send another confirmation message",
        description=f"The older one's code is void then. {_RESENDING}",
        path=OF_CHANNEL,
        answer=record(re_sent=FLAG),
        examples={"Sent": {"re_sent": True}, "Not sent": {"re_sent": False}},
    )


OPERATIONS = {
    f"POST {BASE}/{{id}}/resend": _resend("resend_confirmation"),
    "POST /confirmations/{user_id}/re_send/{id}": _resend("resend_confirmation_at_canvas_path"),
    "GET /confirmations/{user_id}/limit_reached/{id}": Operation(
        id="confirmation_limit_reached",
        tag=TAG,
        summary="Say whether a channel had as many messages as it may",
        path=OF_CHANNEL,
        answer=record(confirmation_limit_reached=FLAG),
        example={"confirmation_limit_reached": False},
    ),
    f"POST {OWN}/{{id}}/confirm": Operation(
        id="confirm_sms",
        tag=TAG,
        summary="Confirm a phone number with the code from the text message",
        description="Works for 15 minutes and five tries. The owner's own: never while acting as somebody.",
        path={"id": CHANNEL_ID},
        parameters=(Parameter(name="confirmation_code", description="Six digits.", example="123456"),),
        body_example={"confirmation_code": "123456"},
        answer=CHANNEL,
        example={**EMAIL, "type": "sms", "address": "+12015550123"},
        refusals={
            "A code that is wrong, expired or void": refusal("confirmation_code", "invalid", "is not valid")
        },
    ),
}
