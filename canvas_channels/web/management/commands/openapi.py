"""``manage.py openapi``: write the API's description anew, after the API has changed."""

from typing import Any

from django.core.management.base import BaseCommand

from canvas_channels.openapi import FILE


class Command(BaseCommand):
    help = "Write the API's description anew (it needs drf-spectacular, of the extra 'test')."

    def handle(self, *args: Any, **options: Any) -> None:
        from canvas_channels.openapi.generator import as_text, generate

        FILE.write_text(as_text(generate()), encoding="utf-8")
        self.stdout.write(f"Wrote {FILE}.")
