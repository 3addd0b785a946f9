"""What the worker's log has of deliveries that failed."""

import logging

import pytest

from notifications.gateways import TransportError


@pytest.mark.parametrize(
    ("error", "shown"), [(TransportError("refused"), False), (ValueError("a bug"), True)]
)
def test_only_faults_of_ours_have_a_traceback(
    error: Exception, shown: bool, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("procrastinate.worker").error("Job ended", exc_info=error)
    [record] = caplog.records
    assert bool(record.exc_info) is shown
