"""How far a command is, on one line of a terminal."""

from django.core.management.base import OutputWrapper

_WIDTH = 40  # characters


def draw(out: OutputWrapper, percent: int, words: str) -> None:
    """Over the bar before."""
    bar = "#" * (_WIDTH * percent // 100)
    out.write(f"\r[{bar:<{_WIDTH}}] {percent:3} % {words}", ending="")
    out.flush()
