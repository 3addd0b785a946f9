"""What stands between the network and Django's threads: nobody keeps a thread by sending slowly.

Granian calls :class:`~canvas_channels.front.application.Front` on an event loop. A request is counted, its
body read under a deadline, and only then does it get one of the few threads that run Django.

A server that reads bodies in its request threads (granian's WSGI, gunicorn's threads) is stopped by four that
do not end. Waitress and uvicorn buffer outside them, but for anybody, and parse HTTP in Python.
"""
