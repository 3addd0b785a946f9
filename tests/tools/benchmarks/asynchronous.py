"""(c): FastAPI with SQLAlchemy on asyncio, tuned: asyncpg, uvloop, Core instead of objects, orjson.

Like (a) it sends no message, and writes the channel only.
"""

import hashlib
import os
from datetime import UTC, datetime
from functools import partial
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import create_async_engine

from tests.tools.benchmarks.bare import COLUMNS, DATES

CONNECTIONS = 8

metadata = MetaData()
users = Table(
    "identity_user", metadata, Column("id", BigInteger, primary_key=True), Column("workflow_state", String)
)
tokens = Table(
    "oauth2_provider_accesstoken",
    metadata,
    Column("user_id", BigInteger),
    Column("token_checksum", String),
    Column("expires", DateTime(timezone=True)),
)
channels = Table(
    "channels_api_communicationchannel",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("address", String),
    Column("type", String),
    Column("position", Integer),
    Column("user_id", BigInteger),
    Column("workflow_state", String),
    Column("bounce_count", Integer),
    Column("last_bounce_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True)),
    Column("institutional", Boolean),
    Column("pending_address", String),
    Column("address_folded", String),
    Column("updated_at", DateTime(timezone=True)),
)
SHOWN = [channels.c[name] for name in COLUMNS]
LIVE = channels.c.workflow_state.in_(["unconfirmed", "active"])
OF_USER = channels.c.user_id == bindparam("user")

TOKEN = (
    select(tokens.c.user_id, tokens.c.expires, users.c.workflow_state)
    .join(users, users.c.id == tokens.c.user_id)
    .where(tokens.c.token_checksum == bindparam("checksum"))
)
LIST = select(*SHOWN).where(OF_USER, LIVE).order_by(channels.c.position, channels.c.id).limit(10)
STANDING = select(
    func.coalesce(func.max(channels.c.position), 0),
    func.coalesce(func.bool_or(LIVE & (channels.c.address_folded == bindparam("folded"))), False),
).where(OF_USER)
CREATE = insert(channels).returning(*SHOWN)

engine = create_async_engine(
    "postgresql+asyncpg://",
    async_creator=partial(asyncpg.connect, os.environ["DATABASE_URL"]),
    pool_size=CONNECTIONS,
    max_overflow=0,
    pool_reset_on_return=None,
)
application = FastAPI(openapi_url=None)


class New(BaseModel):
    type: str
    address: str


def shown(row: Any) -> dict[str, Any]:
    return dict(zip(COLUMNS, row, strict=True))


def answer(value: object) -> Response:
    return Response(orjson.dumps(value, option=DATES), media_type="application/json")


async def user_of(request: Request, connection: Any) -> int:
    token = request.headers["authorization"].removeprefix("Bearer ")
    checksum = hashlib.sha256(token.encode()).hexdigest()
    found = (await connection.execute(TOKEN, {"checksum": checksum})).first()
    if found is None or found.expires < datetime.now(UTC) or found.workflow_state == "deactivated":
        raise HTTPException(401)
    return int(found.user_id)


@application.get("/api/v1/users/self/communication_channels")
async def list_channels(request: Request) -> Response:
    async with engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        user = await user_of(request, connection)
        rows = await connection.execute(LIST, {"user": user})
        return answer([shown(row) for row in rows])


@application.post("/api/v1/users/self/communication_channels")
async def create_channel(request: Request, new: New) -> Response:
    folded = new.address.casefold()
    async with engine.begin() as connection:
        user = await user_of(request, connection)
        [(last, taken)] = await connection.execute(STANDING, {"user": user, "folded": folded})
        if taken:
            raise HTTPException(400, "unique!")
        now = datetime.now(UTC)
        row = {
            "user_id": user,
            "type": new.type,
            "address": new.address,
            "address_folded": folded,
            "position": last + 1,
            "workflow_state": "unconfirmed",
            "institutional": False,
            "bounce_count": 0,
            "created_at": now,
            "updated_at": now,
        }
        created = (await connection.execute(CREATE, row)).one()
    return answer(shown(created))
