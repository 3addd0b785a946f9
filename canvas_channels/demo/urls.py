from django.urls import path

from canvas_channels.demo import acts, views

urlpatterns = [
    path("outbox.json", views.outbox_json),
    path("outbox", views.outbox_page, name="demo_outbox"),
    path("outbox/<int:number>", views.outbox_mail, name="demo_mail"),
    path("sign-in", views.sign_in, name="demo_sign_in"),
    path("digests", acts.make_digests, name="demo_digests"),
    path("due", acts.make_due, name="demo_due"),
    path("bounce", acts.bounce, name="demo_bounce"),
]
