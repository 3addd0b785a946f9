"""What the worker logs of a delivery that failed."""

import logging

from notifications.gateways import TransportError


class WithoutOutages(logging.Filter):
    """Leaves out the traceback of a failure that a gateway named: its reason is logged, and on the row.

    In an outage every job has one, and writing them slows down the worker and the web processes.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], TransportError):
            record.exc_info = None
        return True
