"""(a): what a good engineer writes first: ModelViewSet, serializer, paginator, ORM; under gunicorn."""
