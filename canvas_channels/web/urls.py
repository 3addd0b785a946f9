"""Pages for people."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from canvas_channels.web.register import register
from canvas_channels.web.views import SignIn, home

urlpatterns = [
    path("", home, name="home"),
    path("login", SignIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(next_page="home"), name="logout"),
    path("register/<str:code>", register, name="register"),
]
