"""Stand-ins that are as light as can be, each a process of its own, so that none takes the worker's time.

``python -m tests.tools.benchmarks.sinks smtp`` takes every message at once; ``... sns`` answers as Amazon SNS
does, 20 ms after the call. A port follows. Both keep connections open, and end by a signal.
"""

import asyncio
import sys
import uuid
from urllib.parse import parse_qs

SNS_SECONDS = 0.02
SMTP_ANSWERS = {
    b"EHLO": b"250-localhost\r\n250-SIZE 33554432\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
SNS_ANSWER = (
    '<{0}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{0}Result>{1}</{0}Result>'
    "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{0}Response>"
)


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; its messages are read and forgotten."""
    writer.write(b"220 localhost ESMTP\r\n")
    while line := await reader.readline():
        command = line[:4].upper()
        writer.write(SMTP_ANSWERS.get(command, b"250 OK\r\n"))
        if command == b"DATA":
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 taken\r\n")
        elif command == b"QUIT":
            break
    writer.close()


class Sns:
    """Remembers each endpoint, so that what is read is what was made."""

    def __init__(self) -> None:
        self._endpoints: dict[str, dict[str, str]] = {}

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of HTTP/1.1."""
        while head := await _head(reader):
            length = next((int(line[15:]) for line in head if line.lower().startswith(b"content-length:")), 0)
            body = await reader.readexactly(length)
            fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            answer = SNS_ANSWER.format(fields["Action"], self._answer(fields)).encode()
            await asyncio.sleep(SNS_SECONDS)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )
        writer.close()

    def _answer(self, fields: dict[str, str]) -> str:
        if fields["Action"] == "CreatePlatformEndpoint":
            application = fields["PlatformApplicationArn"].replace(":app/", ":endpoint/", 1)
            arn = f"{application}/{uuid.uuid4()}"
            kept = {"Token": fields["Token"], "CustomUserData": fields["CustomUserData"], "Enabled": "true"}
            self._endpoints[arn] = kept
            return f"<EndpointArn>{arn}</EndpointArn>"
        if fields["Action"] == "GetEndpointAttributes":
            kept = self._endpoints[fields["EndpointArn"]]
            entries = "".join(f"<entry><key>{k}</key><value>{v}</value></entry>" for k, v in kept.items())
            return f"<Attributes>{entries}</Attributes>"
        return ""


async def _head(reader: asyncio.StreamReader) -> list[bytes]:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).splitlines()
    except asyncio.IncompleteReadError:
        return []


async def main(kind: str, port: int) -> None:
    server = await asyncio.start_server(smtp if kind == "smtp" else Sns(), "127.0.0.1", port, backlog=1000)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
