"""``/unsubscribe/<secret>``: stops more mails of a kind, by a page or by a mailbox's own button (RFC 8058).

GET changes nothing, because mail scanners open links. POST needs neither session nor token nor anything in
its body: the secret is the proof.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from canvas_channels.web.pages import page
from notifications.messages.unsubscribing import NoSuchLink, Unsubscription, unsubscribe
from notifications.preferences.topics import topic_of


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("secret")
def unsubscribe_page(request: HttpRequest, secret: str) -> HttpResponse:
    done = request.method == "POST"
    try:
        found = unsubscribe(secret) if done else Unsubscription.behind(secret)
    except NoSuchLink:
        raise Http404 from None
    about = {"address": found.channel.address, "topics": map(topic_of, found.categories), "done": done}
    response = page(request, "unsubscribe.html", about)
    response["Referrer-Policy"] = "no-referrer"
    return response
