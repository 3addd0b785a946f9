"""How many of something, as commands and Django's admin say it."""


def counted(number: int, noun: str) -> str:
    """``counted(3, "channel")`` is "3 channels", and of one it is "1 channel"."""
    ending = "es" if noun.endswith(("s", "ch")) else "s"
    return f"{number} {noun if number == 1 else noun + ending}"
