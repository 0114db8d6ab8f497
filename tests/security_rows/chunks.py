"""Group C: `aws-chunked` bodies and their trailers.

C18 (the unsigned form over plain HTTP) is not refused: clients in the field send it, and the issue asks for it.
"""

import digests
from sigv4 import STREAMING, STREAMING_TRAILER, STREAMING_UNSIGNED, broken, chunked, signed

PIECES = [b"a" * 8192, b"b" * 8192]
CONTENT = b"".join(PIECES)
TRAILER = [("x-amz-checksum-crc32", digests.text("CRC32", CONTENT))]
NO_LINE_FEED = b"1" * (1 << 20)


def bent(change, **options):
    """A chunked PUT whose frames are changed."""

    def build(site):
        made = chunked(site.put(body=b""), site.keys, PIECES, **options)
        change(made.frames)
        return made.request()

    return build


def replace(place, old, new):
    def change(frames):
        assert old in frames[place]
        frames[place] = frames[place].replace(old, new, 1)

    return change


def break_signature(place, name=b"chunk-signature="):
    def change(frames):
        before, mark, rest = frames[place].partition(name)
        digits = rest[:64].decode()
        frames[place] = before + mark + broken(digits).encode() + rest[64:]

    return change


def swap(frames):
    frames[0], frames[1] = frames[1], frames[0]


def repeat(frames):
    frames[1] = frames[0]


def last_one_missing(frames):
    del frames[-1]


def foreign(site):
    """A chunk that was signed for another request."""
    one, other = (chunked(site.put(body=b"", key=key), site.keys, PIECES) for key in ("kept", "elsewhere"))
    one.frames[1] = other.frames[1]
    return one.request()


def declared(length):
    return bent(lambda frames: None, declared=length)


def size_line(text):
    """The first chunk says its size in this way."""

    def change(frames):
        frames[0] = text + frames[0][frames[0].index(b";") :]

    return change


def trailer_lines(lines, sign=False, announced="x-amz-checksum-crc32", trailers=TRAILER):
    """The trailers are replaced by these lines."""

    def build(site):
        made = chunked(site.put(body=b""), site.keys, PIECES, trailers, sign=sign, announced=announced)
        first = made.frames[-1].index(b"\r\n") + 2
        made.frames[-1] = made.frames[-1][:first] + lines + b"\r\n"
        return made.request()

    return build


def huge_chunk(site):
    """A chunk of 1 GiB is announced, 1 KiB comes, and the client is gone."""
    made = chunked(site.put(body=b""), site.keys, PIECES, declared=1 << 30)
    made.made.headers.append(("Content-Length", (1 << 30) + 200))
    made.frames = [b"40000000;chunk-signature=" + b"0" * 64 + b"\r\n" + b"x" * 1024]
    return made.request().send(site.address, hang_up=True)


def streaming_on(method, query=(), key="kept"):
    def build(site):
        query_now = [(name, site.upload if value == "UPLOAD" else value) for name, value in query]
        return chunked(site.request(method, key, query=query_now), site.keys, [b"<x/>"]).request()

    return build


def framing_without_the_hash(site):
    """Framed, and called `aws-chunked`, but the payload hash says it is plain: never decoded."""
    return signed(
        site.put(("Content-Encoding", "aws-chunked"), body=b"1\r\nx\r\n0\r\n\r\n"), site.keys, payload="0" * 64
    )


def hash_without_framing(payload):
    """Called streaming, but the body is no chunk."""

    def build(site):
        made = site.put(("x-amz-decoded-content-length", 5), ("Content-Encoding", "aws-chunked"), body=b"plain")
        return signed(made, site.keys, payload=payload)

    return build


def elliptic(payload):
    """Chunks signed in the other way that S3 has: not taken for unsigned ones."""

    def build(site):
        made = chunked(site.put(body=b""), site.keys, PIECES).made.without("Authorization", "x-amz-date")
        made = signed(made.without("x-amz-content-sha256"), site.keys, payload=payload)
        return made.replaced(body=b"2000\r\n" + PIECES[0] + b"\r\n2000\r\n" + PIECES[1] + b"\r\n0\r\n\r\n")

    return build


CHECK = b"x-amz-checksum-crc32:" + TRAILER[0][1].encode() + b"\r\n"
INCOMPLETE = "400 IncompleteBody"
MISMATCH = "403 SignatureDoesNotMatch"
BAD_TRAILER = "400 MalformedTrailerError|400 InvalidRequest|400 BadDigest"

ROWS = [
    ("C01 first chunk", bent(break_signature(0)), MISMATCH),
    ("C01 second chunk", bent(break_signature(1)), MISMATCH),
    ("C01 final chunk", bent(break_signature(-1)), MISMATCH),
    ("C01 content altered", bent(replace(1, b"bbbb", b"bbbc")), MISMATCH),
    ("C02 exchanged", bent(swap), MISMATCH),
    ("C02 repeated", bent(repeat), MISMATCH),
    ("C02 of another request", foreign, MISMATCH),
    ("C03 final chunk missing", bent(last_one_missing), INCOMPLETE),
    ("C03 final chunk missing, unsigned", bent(last_one_missing, sign=False, trailers=TRAILER), INCOMPLETE),
    ("C04 half of what was declared", declared(2 * len(CONTENT)), INCOMPLETE),
    ("C04 one byte less", declared(len(CONTENT) + 1), INCOMPLETE),
    ("C05 twice what was declared", declared(len(CONTENT) // 2), INCOMPLETE),
    ("C05 one byte more", declared(len(CONTENT) - 1), INCOMPLETE),
    ("C05 declared as empty", declared(0), INCOMPLETE),
    ("C06 1 GiB announced", huge_chunk, INCOMPLETE + "|400 EntityTooLarge"),
    ("C07 not declared", declared(False), "411 MissingContentLength|400 InvalidRequest"),
    ("C07 negative", declared(-1), "400 InvalidArgument|400 InvalidRequest|411 MissingContentLength"),
    (
        "C07 2^64",
        declared(1 << 64),
        "400 InvalidArgument|400 InvalidRequest|411 MissingContentLength|400 EntityTooLarge",
    ),
    ("C07 not a number", declared("many"), "400 InvalidArgument|400 InvalidRequest|411 MissingContentLength"),
    ("C09 no line feed", bent(lambda frames: frames.insert(0, NO_LINE_FEED)), "400 IncompleteBody|400 InvalidRequest"),
    ("C10 bytes behind", bent(lambda frames: frames.append(b"more")), INCOMPLETE + "|400 InvalidRequest"),
    (
        "C11 unsigned chunk",
        bent(lambda frames: frames.__setitem__(1, b"2000\r\n" + PIECES[1] + b"\r\n")),
        MISMATCH + "|400 IncompleteBody|400 InvalidRequest",
    ),
    ("C12 wrong, unsigned", trailer_lines(b"x-amz-checksum-crc32:AAAAAA==\r\n"), "400 BadDigest"),
    ("C12 wrong, signed", bent(lambda frames: None, trailers=[("x-amz-checksum-crc32", "AAAAAA==")]), "400 BadDigest"),
    ("C13 absent", trailer_lines(b""), BAD_TRAILER),
    ("C13 absent, signed", trailer_lines(b"", sign=True), BAD_TRAILER + "|" + MISMATCH),
    ("C14 another one", trailer_lines(b"x-amz-checksum-sha1:AAAA\r\n"), BAD_TRAILER),
    ("C14 not declared", trailer_lines(CHECK + b"x-amz-meta-a: 1\r\n"), BAD_TRAILER),
    ("C14 twice", trailer_lines(CHECK + CHECK), BAD_TRAILER),
    ("C14 authorization", trailer_lines(CHECK + b"authorization: x\r\n"), BAD_TRAILER),
    ("C14 not well-formed", trailer_lines(b"x-amz-checksum-crc32\r\n"), BAD_TRAILER + "|400 IncompleteBody"),
    ("C15 wrong", bent(break_signature(-1, b"x-amz-trailer-signature:"), trailers=TRAILER), MISMATCH),
    ("C15 missing", trailer_lines(CHECK, sign=True), MISMATCH + "|" + BAD_TRAILER + "|400 IncompleteBody"),
    (
        "C15 value altered",
        bent(replace(-1, TRAILER[0][1].encode(), b"AAAAAA=="), trailers=TRAILER),
        MISMATCH + "|400 BadDigest",
    ),
    (
        "C16 a thousand",
        trailer_lines(CHECK + b"".join(b"x-%d: 1\r\n" % number for number in range(1000))),
        BAD_TRAILER + "|400 IncompleteBody",
    ),
    ("C16 of 1 MiB", trailer_lines(CHECK + b"x-a: " + b"1" * (1 << 20) + b"\r\n"), BAD_TRAILER + "|400 IncompleteBody"),
    ("C17 complete", streaming_on("POST", [("uploadId", "UPLOAD")], "under-way"), "400|501"),
    ("C17 delete many", streaming_on("POST", [("delete", None)], None), "400|501"),
    ("C17 versioning", streaming_on("PUT", [("versioning", None)], None), "400|501"),
    ("C00 ECDSA", elliptic("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), "501 NotImplemented"),
    ("C00 ECDSA, trailing", elliptic("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"), "501 NotImplemented"),
    (
        "C00 another extension",
        bent(replace(0, b";chunk-signature=", b";x=y;chunk-signature=")),
        "400 IncompleteBody|400 InvalidRequest|403 SignatureDoesNotMatch",
    ),
    ("C19 framed but not streaming", framing_without_the_hash, "400 XAmzContentSHA256Mismatch"),
    ("C19 streaming but not framed", hash_without_framing(STREAMING), "400|403"),
    ("C19 trailing but not framed", hash_without_framing(STREAMING_TRAILER), "400|403"),
    ("C19 unsigned but not framed", hash_without_framing(STREAMING_UNSIGNED), "400"),
] + [
    (f"C09 size {text.decode()!r}", bent(size_line(text)), "400|403 SignatureDoesNotMatch")
    for text in (b"fffffffffffffffff", b"-1", b"0x2000", b"+2000", b"", b"2000 ", b" 2000", b"zz", b"1999", b"2001")
]
