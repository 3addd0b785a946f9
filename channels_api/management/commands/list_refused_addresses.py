from typing import Any

from django.core.management import BaseCommand

from channels_api.addresses import mask
from channels_api.channels import spellings


class Command(BaseCommand):
    help = (
        "List live channels whose address an earlier version took and this one refuses, such as one in a "
        "domain that IDNA 2008 does not know: no message is sent to them. One a line, tab-separated: the "
        "channel's id, the user's id, type, address (masked), why."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for channel, why in spellings.refused():
            row = (channel.pk, channel.user_id, channel.type, mask(channel.address), why)
            self.stdout.write("\t".join(map(str, row)))
