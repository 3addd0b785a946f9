from django.urls import path

from canvas_channels.demo import views

urlpatterns = [
    path("outbox.json", views.outbox_json),
    path("outbox", views.outbox_page),
]
