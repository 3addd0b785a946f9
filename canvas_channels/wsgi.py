"""The WSGI application that a server such as granian runs."""

import gc
import os

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections, reset_queries
from django.urls import get_resolver

from canvas_channels.handler import Handler

OBJECTS_BEFORE_COLLECTION = 20_000  # a page leaves some hundred in cycles; Python's 700 is for scripts

gc.disable()  # until all is imported, of which nothing is garbage
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canvas_channels.settings")
settings.PROCRASTINATE_AUTODISCOVER_MODULE_NAME = settings.PROCRASTINATE_ON_APP_READY = None  # it runs no job
django.setup(set_prefix=False)
connections.settings[DEFAULT_DB_ALIAS] |= settings.WEB_DATABASE  # before the first connection

# Nobody reads the queries, old connections are closed once a request has ended, and no cache has any.
request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_caches)

application = Handler()

_ = get_resolver().url_patterns  # the views are imported now, not by the first request
gc.collect()
gc.freeze()  # what was imported stays: no collection needs to look at it again
gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
gc.enable()
