"""The checksums S3 knows, computed here by other code than the server's."""

import base64
import hashlib
import zlib

from awscrt import checksums

FULL_OBJECT = ("CRC32", "CRC32C", "CRC64NVME")
COMPOSITE = ("CRC32", "CRC32C", "SHA1", "SHA256")
ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")

RAW = {
    "CRC32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "CRC32C": lambda content: checksums.crc32c(content).to_bytes(4, "big"),
    "CRC64NVME": lambda content: checksums.crc64nvme(content).to_bytes(8, "big"),
    "SHA1": lambda content: hashlib.sha1(content).digest(),
    "SHA256": lambda content: hashlib.sha256(content).digest(),
}


def text(algorithm, content):
    """As it stands in headers."""
    return base64.b64encode(RAW[algorithm](content)).decode()


def composite(algorithm, *parts):
    """The checksum of the parts' checksums, as S3 names it."""
    whole = RAW[algorithm](b"".join(RAW[algorithm](part) for part in parts))
    return f"{base64.b64encode(whole).decode()}-{len(parts)}"


def wrong(algorithm):
    """A well-formed value that no content of ours has."""
    return text(algorithm, b"something else altogether")


def header(algorithm):
    return f"x-amz-checksum-{algorithm.lower()}"


def md5(content):
    return base64.b64encode(hashlib.md5(content).digest()).decode()
