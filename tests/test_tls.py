"""HTTPS."""

import datetime
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import wire
from answers import body, fetch, new_bucket
from forms import signed_form
from lake import Lake, Refused, close, need_binary, random_keys
from sigv4 import UNSIGNED, presigned, request, signed


def certificate(directory, name="lake"):
    """A certificate for 127.0.0.1 that signs itself, and its key: two paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / f"{name}.pem", directory / f"{name}-key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    os.chmod(paths[1], 0o600)
    return paths


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A server over TLS with short patience, and the certificate that clients trust."""
    need_binary()
    directory = tmp_path_factory.mktemp("tls")
    cert, key = certificate(directory)
    lake = Lake(
        directory / "data",
        "--tls-cert",
        cert,
        "--tls-key",
        key,
        keys=random_keys(),
        environment={"TWINLAKE_LIMITS_HANDSHAKE_WAIT_MS": "2000"},
    ).start()
    yield lake, cert
    close(lake)


def trusting(cert, **versions):
    context = ssl.create_default_context(cafile=cert)
    for name, version in versions.items():
        setattr(context, name, version)
    return context


def test_boto3_over_tls(secure):
    """Here boto3 sends its checksums in unsigned trailers."""
    lake, cert = secure
    assert lake.endpoint.startswith("https://")
    s3 = lake.client(verify=str(cert))
    bucket = new_bucket(s3)
    for length in (0, 10, 300_000, 9 << 20):
        s3.put_object(Bucket=bucket, Key="k", Body=body(length))
        assert fetch(s3, bucket, "k") == body(length)
        assert "ContentEncoding" not in s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_are_spoken(secure, version):
    lake, cert = secure
    context = trusting(cert, minimum_version=version, maximum_version=version)
    made = signed(request("GET", lake.host, "/"), lake.keys)
    assert wire.exchange(lake.address, made.bytes(), tls=context).status == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_versions_that_are_not_spoken(secure, version):
    """L07. The client is willing to speak it: its ciphers are lowered as far as they go."""
    lake, cert = secure
    context = trusting(cert, minimum_version=version, maximum_version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        wire.connect(lake.address, context)


def test_100_continue_over_tls(secure):
    """Asked for only when the body is wanted."""
    lake, cert = secure
    bucket = new_bucket(lake.client(verify=str(cert)))
    made = request("PUT", lake.host, f"/{bucket}/k", headers=[("Expect", "100-continue"), ("Content-Length", 5)])
    for sent, expected in ((signed(made, lake.keys, payload=UNSIGNED), b"100"), (made, b"403")):
        with wire.connect(lake.address, trusting(cert)) as connection:
            connection.sendall(sent.bytes())
            begin = connection.recv(4096)
            assert begin.startswith(b"HTTP/1.1 " + expected), begin
            if expected == b"100":
                connection.sendall(b"hello")
                assert wire.receive(connection).status == 200


def test_a_form_over_tls(secure):
    lake, cert = secure
    bucket = new_bucket(lake.client(verify=str(cert)))
    made = signed_form(bucket, lake.keys, [("key", "k")]).request(lake.host)
    answer = wire.exchange(lake.address, made.bytes(), tls=trusting(cert))
    assert answer.status == 204 and answer.headers["location"] == f"https://{lake.host}/{bucket}/k"


def test_plain_http_on_the_tls_port(secure):
    """L10: a clean close, nothing served."""
    lake, _ = secure
    with wire.connect(lake.address) as connection:
        connection.sendall(signed(request("GET", lake.host, "/"), lake.keys).bytes())
        connection.settimeout(5)
        try:
            data = connection.recv(4096)
        except ConnectionError:
            data = b""
        assert not data.startswith(b"HTTP/1.1 2")
        assert wire.is_closed(connection, 5)


def test_tls_on_the_plain_port(lake):
    if lake.process is None:
        pytest.skip("needs a server of its own")
    with pytest.raises((ssl.SSLError, ConnectionError, TimeoutError)):
        wire.connect(lake.address, ssl._create_unverified_context(), seconds=5)
    assert signed(request("GET", lake.host, "/"), lake.keys).send(lake.address).status == 200


def test_handshakes_that_never_end(secure):
    """D21: a hundred of them neither keep others out nor are they borne for long."""
    lake, cert = secure
    begun = time.monotonic()
    idle = [socket.create_connection(lake.address) for _ in range(100)]
    made = signed(request("GET", lake.host, "/"), lake.keys)
    assert wire.exchange(lake.address, made.bytes(), tls=trusting(cert)).status == 200
    assert all(wire.is_closed(connection, 8) for connection in idle)
    assert time.monotonic() - begun < 8
    for connection in idle:
        connection.close()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_http_2_by_negotiation(secure):
    lake, cert = secure
    s3 = lake.client(verify=str(cert))
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    link = lake.endpoint + presigned(request("GET", lake.host, f"/{bucket}/k"), lake.keys).target
    command = ["curl", "-sS", "--http2", "--cacert", cert, "-w", " %{http_version} %{http_code}", link]
    assert subprocess.run(command, capture_output=True, text=True, timeout=20).stdout == "there 2 200"


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_a_large_body_over_http_2(secure, tmp_path):
    lake, cert = secure
    s3 = lake.client(verify=str(cert))
    bucket = new_bucket(s3)
    (tmp_path / "sent").write_bytes(body(20 << 20))
    target = f"/{bucket}/k"
    put = lake.endpoint + presigned(request("PUT", lake.host, target), lake.keys).target
    get = lake.endpoint + presigned(request("GET", lake.host, target), lake.keys).target
    curl = ["curl", "-sS", "--fail", "--http2", "--cacert", cert]
    subprocess.run([*curl, "-T", tmp_path / "sent", put], check=True, timeout=60)
    subprocess.run([*curl, "-o", tmp_path / "received", get], check=True, timeout=60)
    assert (tmp_path / "received").read_bytes() == body(20 << 20)


def broken_files(directory):
    cert, key = certificate(directory)
    _, other_key = certificate(directory, "other")
    (directory / "text.pem").write_text("no certificate")
    (directory / "half.pem").write_bytes(cert.read_bytes()[:200])
    (directory / "empty.pem").write_bytes(b"")
    return {
        "absent": (directory / "absent.pem", key),
        "no certificate": (directory / "text.pem", key),
        "half a certificate": (directory / "half.pem", key),
        "empty": (directory / "empty.pem", key),
        "another's key": (cert, other_key),
        "a certificate for a key": (cert, cert),
    }


@pytest.mark.parametrize(
    "what", ["absent", "no certificate", "half a certificate", "empty", "another's key", "a certificate for a key"]
)
def test_files_that_will_not_do(new_lake, tmp_path, what):
    cert, key = broken_files(tmp_path)[what]
    with pytest.raises(Refused) as refused:
        new_lake("--tls-cert", cert, "--tls-key", key).start()
    assert refused.value.code not in (0, None) and ".pem" in refused.value.output


@pytest.mark.parametrize("given, missing", [("--tls-cert", "tls.key"), ("--tls-key", "tls.cert")])
def test_one_file_without_the_other(new_lake, tmp_path, given, missing):
    cert, _ = certificate(tmp_path)
    with pytest.raises(Refused) as refused:
        new_lake(given, cert).start()
    assert refused.value.code not in (0, None) and missing in refused.value.output
