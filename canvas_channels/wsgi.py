"""The WSGI application that a server such as granian runs."""

import gc
import os

import django
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.urls import get_resolver

from canvas_channels.handler import Handler

OBJECTS_BEFORE_COLLECTION = 20_000  # a page leaves some hundred in cycles; Python's 700 is for scripts

gc.disable()  # until all is imported, of which nothing is garbage
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "canvas_channels.settings")
settings.PROCRASTINATE_AUTODISCOVER_MODULE_NAME = settings.PROCRASTINATE_ON_APP_READY = None  # it runs no job
django.setup(set_prefix=False)
connections.settings[DEFAULT_DB_ALIAS] |= settings.WEB_DATABASE  # before the first connection

application = Handler()

_ = get_resolver().url_patterns  # the views are imported now, not by the first request
gc.collect()
gc.freeze()  # what was imported stays: no collection needs to look at it again
gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
gc.enable()
