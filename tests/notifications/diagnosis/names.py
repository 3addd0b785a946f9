"""A name server on loopback, which answers from records that a test gives."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dns import flags, message, rcode, rrset

Records = dict[tuple[str, str], list[str]]  # by name and type, as ("example.com", "TXT")


@contextmanager
def name_server(records: Records, *, answers: bool = True) -> Iterator[str]:
    """Where it listens, as ``DNS_SERVERS`` takes it; ``answers`` False: it is silent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    content, client = server.recvfrom(4096)
                except TimeoutError:
                    continue
                if answers:
                    server.sendto(_answer(records, content), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1#{server.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def _answer(records: Records, content: bytes) -> bytes:
    asked = message.from_wire(content)
    [question] = asked.question
    name = question.name.to_text(omit_final_dot=True)
    kind = question.rdtype.name
    response = message.make_response(asked)
    response.flags |= flags.RA
    if found := records.get((name, kind)):
        response.answer.append(rrset.from_text(question.name, 60, "IN", kind, *found))
    elif not any(known == name for known, _ in records):
        response.set_rcode(rcode.NXDOMAIN)
    return response.to_wire()
