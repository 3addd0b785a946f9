# Any Debian with Python 3.11 or later will do as the base; python3 and python3-venv are needed on a plain one.
# scripts/image builds this, also where no registry of images can be reached.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
RUN python3 -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml constraints.txt LICENSE ./
COPY canvas_channels canvas_channels
COPY channels_api channels_api
COPY notifications notifications
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check -c constraints.txt . \
    && /opt/venv/bin/python -m pip uninstall --yes canvas-channels

FROM ${BASE_IMAGE}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    MALLOC_ARENA_MAX=2 \
    DJANGO_SETTINGS_MODULE=canvas_channels.settings \
    STATIC_ROOT=/app/static
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY canvas_channels canvas_channels
COPY channels_api channels_api
COPY notifications notifications
# At run time nothing is written but below /tmp, so what can be made now is: byte code, and static files (for
# which three settings are required, and unused).
RUN python -m compileall -q canvas_channels channels_api notifications \
    && SECRET_KEY=only-for-the-build-0123456789abcdef PUBLIC_URL=http://localhost DATABASE_URL=postgresql:///build \
    python manage.py collectstatic --no-input
USER 65534:65534
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
# The worker is the same image with: python manage.py procrastinate worker
CMD ["python", "-m", "canvas_channels.server", "--host", "0.0.0.0", "--port", "8000"]
