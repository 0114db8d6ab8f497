"""HTTP/1.1 by hand: what is sent is exactly what is written here, right or wrong."""

import errno
import http.client
import json
import socket
import ssl
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

SECONDS = 20


@dataclass
class Answer:
    """One answer. `closed` says whether the server hung up behind it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self):
        """The S3 error code; none where the body is not an error."""
        if self.json() is not None:
            return self.json().get("code")
        if not self.body.lstrip().startswith(b"<"):
            return None
        return self.field("Code")

    def json(self):
        """The document of the admin API; none where it is something else."""
        if self.headers["Content-Type"] != "application/json" or not self.body:
            return None
        return json.loads(self.body)

    def field(self, name):
        """The text of the first element of that name, in whatever namespace."""
        for element in self.xml().iter():
            if element.tag.rpartition("}")[2] == name:
                return element.text or ""
        return None

    def fields(self, name):
        return [element.text or "" for element in self.xml().iter() if element.tag.rpartition("}")[2] == name]

    def xml(self):
        return ElementTree.fromstring(self.body)


def connect(address, tls=None, seconds=SECONDS):
    """A connection; `tls` is an `ssl.SSLContext`."""
    plain = socket.create_connection(address, seconds)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain, server_hostname=address[0]) if tls else plain


def head(method, target, headers):
    """The bytes in front of a body. Headers are pairs, in order, as text or bytes."""
    raw = lambda text: text if isinstance(text, bytes) else str(text).encode()
    lines = [raw(method) + b" " + raw(target) + b" HTTP/1.1"]
    lines += [raw(name) + b": " + raw(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def receive(connection, method="GET"):
    """Reads one answer. `ConnectionError` or `http.client.HTTPException` when none comes."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer(response.status, response.headers, response.read())
    finally:
        response.close()


def exchange(address, data, method="GET", tls=None, hang_up=False, seconds=SECONDS):
    """Sends bytes on a connection of their own and reads the answer, which may come before all was sent."""
    with connect(address, tls, seconds) as connection:
        try:
            connection.sendall(data)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
        except (ConnectionError, ssl.SSLError):
            pass  # refused before the end of what we sent: the answer may still be there
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
        return receive(connection, method)


def is_closed(connection, seconds):
    """Whether the server hangs up within that time, having sent whatever it likes before."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False
