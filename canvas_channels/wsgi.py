"""The WSGI application that a server such as granian runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canvas_channels.settings")

application = get_wsgi_application()
