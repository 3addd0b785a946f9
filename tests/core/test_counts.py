import pytest

from canvas_channels.core.counts import counted


@pytest.mark.parametrize(
    ("noun", "none", "one", "more"),
    [
        ("channel", "0 channels", "1 channel", "2 channels"),
        ("dispatch", "0 dispatches", "1 dispatch", "2 dispatches"),
        ("address", "0 addresses", "1 address", "2 addresses"),
        ("custom data", "0 custom data", "1 custom data", "2 custom data"),
        ("progress", "0 progress", "1 progress", "2 progress"),
    ],
)
def test_a_noun_agrees_with_its_number(noun: str, none: str, one: str, more: str) -> None:
    assert [counted(number, noun) for number in (0, 1, 2)] == [none, one, more]
