# Any Debian with Python 3.11 or later will do as the base; python3 and python3-venv are needed on a plain one.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
RUN python3 -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml constraints.txt LICENSE ./
COPY canvas_channels canvas_channels
COPY channels_api channels_api
COPY notifications notifications
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check -c constraints.txt . \
    && /opt/venv/bin/python -m pip uninstall --yes canvas-channels \
    && find /opt/venv -name __pycache__ -prune -exec rm -r {} +

FROM ${BASE_IMAGE}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    DJANGO_SETTINGS_MODULE=canvas_channels.settings \
    STATIC_ROOT=/app/static
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py ./
COPY canvas_channels canvas_channels
COPY channels_api channels_api
COPY notifications notifications
# Static files are gathered at build time; these three settings are required, and unused here.
RUN SECRET_KEY=build PUBLIC_URL=http://localhost DATABASE_URL=postgresql:///build \
    python manage.py collectstatic --no-input
USER 65534:65534
EXPOSE 8000
# The worker is the same image with: python manage.py procrastinate worker
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", \
     "--blocking-threads", "2", "canvas_channels.wsgi:application"]
