"""Group D: how requests are framed. What can be signed is rightly signed, so that nothing else refuses it."""

import wire
from sigv4 import UNSIGNED, presigned, signed

GIB = 1 << 30


def edited(change):
    """A signed PUT whose bytes are changed before they are sent."""

    def build(site):
        made = site.signed(site.put())
        return wire.exchange(site.address, change(made.bytes()))

    return build


def lines(*added, without=b""):
    """A signed PUT with more header lines, or with one line taken away."""

    def change(data):
        head, blank, body = data.partition(b"\r\n\r\n")
        kept = [line for line in head.split(b"\r\n") if not without or not line.startswith(without)]
        return b"\r\n".join([*kept, *added]) + blank + body

    return edited(change)


def first_line(old, new):
    return edited(lambda data: data.replace(old, new, 1))


def announced(bytes_, sent=b"x" * 10, hang_up=True, expect=False, sign=signed):
    """A PUT that announces more than it sends."""

    def build(site):
        made = site.put(("Content-Length", bytes_), body=b"")
        made = sign(made, site.keys, payload=UNSIGNED) if sign is signed else sign(made, site.keys)
        made = made.with_headers(("Expect", "100-continue")) if expect else made
        return wire.exchange(site.address, made.bytes() + sent, hang_up=hang_up)

    return build


def chunked_without_length(*headers, sign=True):
    """More than the server would read to find out how much it is."""

    def build(site):
        made = site.put(("Transfer-Encoding", "chunked"), *headers, body=b"")
        made = site.signed(made, payload=UNSIGNED) if sign else made
        return wire.exchange(site.address, made.bytes() + b"30000\r\n" + b"x" * 0x30000 + b"\r\n0\r\n\r\n")

    return build


def not_allowed_and_large(site):
    """Refused before any of the body is asked for: no `100 Continue` comes first."""
    made = site.put(("Content-Length", 4 * GIB), ("Expect", "100-continue"), body=b"")
    with wire.connect(site.address) as connection:
        connection.sendall(made.bytes())
        begin = connection.recv(12, 0x2)  # MSG_PEEK
        assert begin.startswith(b"HTTP/1.1 403"), begin
        return wire.receive(connection)


def method(name):
    return lambda site: site.signed(site.request(name))


def absolute_elsewhere(site):
    made = site.signed(site.request())
    return wire.exchange(site.address, made.bytes().replace(b"GET /", b"GET http://elsewhere.example/", 1))


def form_of_a_gigabyte(site):
    made = site.request(
        "POST", None, headers=[("Content-Type", "multipart/form-data; boundary=b"), ("Content-Length", GIB)]
    )
    sent = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nstolen\r\n' + b"x" * 65536
    return wire.exchange(site.address, made.bytes() + sent)


def part_too_large(site):
    query = [("partNumber", 1), ("uploadId", site.upload)]
    made = site.request("PUT", "under-way", query=query, headers=[("Content-Length", 6 * GIB)])
    return wire.exchange(site.address, site.signed(made, payload=UNSIGNED).bytes())


LENGTH = b"Content-Length"
FOLDED = b"x-folded: a\r\n b"
BAD = "400"

ROWS = [
    ("D01 two lengths", lines(b"Content-Length: 5"), BAD),
    ("D01 5, 5", lines(b"Content-Length: 11, 12", without=LENGTH), BAD),
    ("D01 negative", lines(b"Content-Length: -1", without=LENGTH), BAD),
    ("D01 letters", lines(b"Content-Length: abc", without=LENGTH), BAD),
    ("D01 2^64", lines(b"Content-Length: 18446744073709551616", without=LENGTH), BAD),
    ("D02 length and transfer encoding", lines(b"Transfer-Encoding: chunked"), "400|411"),
    ("D03 gzip, chunked", lines(b"Transfer-Encoding: gzip, chunked", without=LENGTH), "400|411|501"),
    ("D03 xchunked", lines(b"Transfer-Encoding: xchunked", without=LENGTH), "400|411|501"),
    ("D03 two", lines(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", without=LENGTH), "400|411|501"),
    ("D04 folded", lines(FOLDED), BAD),
    ("D04 space before the colon", lines(b"x-space : a"), BAD),
    ("D04 NUL", lines(b"x-nul: a\0b"), BAD),
    ("D04 CR", lines(b"x-cr: a\rb"), BAD),
    ("D04 no colon", lines(b"nothing"), BAD),
    ("D06 no host", lines(without=b"Host"), BAD),
    ("D06 two hosts", lines(b"Host: elsewhere.example"), BAD),
    ("D06 user in host", lines(b"Host: a@b", without=b"Host"), "400|403"),
    ("D06 path in host", lines(b"Host: a/b", without=b"Host"), "400|403"),
    ("D06 another host in the target", absolute_elsewhere, "400|403"),
    ("D07 101 headers", lines(*(b"x-%d: 1" % number for number in range(101))), "431|400"),
    ("D07 header of 500 kB", lines(b"x-long: " + b"a" * 500_000), "431|400"),
    ("D07 target of 70 kB", first_line(b" HTTP/1.1", b"?" + b"a" * 70_000 + b" HTTP/1.1"), "414|400"),
    ("D09 no length at all", chunked_without_length(), "411 MissingContentLength"),
    ("D09 no length, by nobody", chunked_without_length(sign=False), "411 MissingContentLength"),
    ("D09 no length, expecting", chunked_without_length(("Expect", "100-continue")), "411 MissingContentLength"),
    ("D10 hung up early", announced(100), "400 IncompleteBody"),
    ("D10 hung up early, large", announced(10_000_000, b"x" * 3_000_000), "400 IncompleteBody"),
    ("D10 hung up at once", announced(100, b""), "400 IncompleteBody"),
    ("D11 no rights and 4 GiB", not_allowed_and_large, "403 AccessDenied"),
    ("D12 6 GiB", announced(6 * GIB, b"", hang_up=False), "400 EntityTooLarge"),
    ("D12 6 GiB, expecting", announced(6 * GIB, b"", hang_up=False, expect=True), "400 EntityTooLarge"),
    ("D12 6 GiB by a link", announced(6 * GIB, b"", hang_up=False, sign=presigned), "400 EntityTooLarge"),
    ("H12 part of 6 GiB", part_too_large, "400 EntityTooLarge"),
    ("D17 TRACE", method("TRACE"), "405|501|400"),
    ("D17 PROPFIND", method("PROPFIND"), "405|501|400"),
    ("D17 get", method("get"), "405|501|400"),
    ("D17 PATCH", method("PATCH"), "405|501|400"),
    ("D22 anonymous form of 1 GB", form_of_a_gigabyte, "403|501|400|411"),
    (
        "D00 no HTTP at all",
        lambda site: wire.exchange(site.address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"),
        BAD,
    ),
    ("D00 HTTP/3.0", first_line(b"HTTP/1.1", b"HTTP/3.0"), "400|505"),
]
