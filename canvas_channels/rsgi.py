"""The RSGI application that granian runs: see ``canvas_channels.front``. Any WSGI server may run ``wsgi``."""

from canvas_channels import wsgi  # sets Django up, before the rest of it is imported
from canvas_channels.front.application import Front

application = Front(wsgi.application)
