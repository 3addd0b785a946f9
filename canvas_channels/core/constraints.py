"""Which of the database's constraints refused a row."""


def constraint_of(error: Exception) -> str | None:
    """The name of the violated constraint, as PostgreSQL reports it beside its message in any language."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
