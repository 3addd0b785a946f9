"""A Django project that keeps people's communication channels, and delivers over them."""

__version__ = "0.1.0"
