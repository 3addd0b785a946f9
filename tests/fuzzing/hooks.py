"""What schemathesis loads: calls come from several people, about rows that there are, and are counted.

One worker and a seeded choice make a run the same as the last, but for what time changes.
"""

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import schemathesis

WORLD: dict[str, Any] = json.loads(os.environ["FUZZING_WORLD"])
KNOWN = 0.8  # of the calls are about rows that there are
choose = Random(0)
counts: Counter[str] = Counter()


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    if case.path.startswith(("/api/", "/confirmations/")):
        token = choose.choice(WORLD["tokens"])
    else:  # it may be revoked
        token = WORLD["spare"].pop() if case.method.upper() == "DELETE" and WORLD["spare"] else None
    if token:
        case.headers["Authorization"] = f"Bearer {token}"
    named = case.path_parameters or {}
    for name in named:
        if choose.random() < KNOWN and (known := WORLD["paths"].get(_what(case.path, name))):
            named[name] = choose.choice(known)
    for name in named.keys() & {"id", "communication_channel_id", "address"} if "user_id" in named else ():
        if choose.random() < KNOWN:
            named["user_id"], channel_id, address = choose.choice(WORLD["channels"])
            named[name] = address if name == "address" else channel_id
    for name, known in WORLD["queries"].items():
        if case.query and name in case.query and choose.random() < KNOWN:
            case.query[name] = choose.choice(known)
    if case.query and "as_user_id" in case.query and choose.random() < KNOWN:
        del case.query["as_user_id"]


def _what(path: str, name: str) -> str:
    """Which rows a parameter names: an ``id`` is of channels, but for those of other things."""
    if name == "id":
        return next((kind for kind in ("devices", "notifications", "progress") if f"/{kind}/" in path), "id")
    return name


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], response: Any) -> None:
    counts[f"{case.method.upper()} {case.path} {response.status_code}"] += 1


@atexit.register
def write() -> None:
    Path(os.environ["FUZZING_COUNTS"]).write_text(json.dumps(counts))
