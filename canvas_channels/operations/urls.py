"""This package's own paths; ``core.middleware.bearer_fast_path`` knows them too."""

from django.urls import path

from canvas_channels.operations import views

urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
]
