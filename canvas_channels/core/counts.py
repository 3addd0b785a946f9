"""How many of something, as commands and Django's admin say it."""

WITHOUT_PLURAL = ("data", "progress")


def counted(number: int, noun: str) -> str:
    """``counted(3, "channel")`` is "3 channels", and of one it is "1 channel"."""
    if number == 1 or noun.endswith(WITHOUT_PLURAL):
        return f"{number} {noun}"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'ch')) else 's'}"
