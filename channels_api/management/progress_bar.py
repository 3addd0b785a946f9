"""How far a command is, on one line of a terminal."""

from django.core.management.base import OutputWrapper

_WIDTH = 40  # characters
_CLEAR = "\x1b[K"  # from the cursor to the end of the line


def draw(out: OutputWrapper, percent: int, words: str) -> None:
    """Over the bar before, of which nothing is left."""
    bar = "#" * (_WIDTH * percent // 100)
    out.write(f"\r{_CLEAR}[{bar:<{_WIDTH}}] {percent:3} % {words}", ending="")
    out.flush()
