"""An authority of the tests, which vouches for servers and clients and takes it back."""

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
KINDS = {
    "dns": x509.DNSName,
    "uri": x509.UniformResourceIdentifier,
    "email": x509.RFC822Name,
    "ip": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
}


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def name(common=None, organization=None, units=()):
    """A subject; `common` may be several names."""
    commons = [common] if isinstance(common, str) else list(common or [])
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    attributes += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
    return x509.Name(attributes + [x509.NameAttribute(NameOID.COMMON_NAME, common) for common in commons])


def write(path, *certificates):
    path.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates))
    return path


def write_key(path, key):
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    os.chmod(path, 0o600)
    return path


class Authority:
    """A root, or an authority below another."""

    def __init__(self, common, above=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = name(common)
        self.revoked = []
        self.above = above
        signer = above or self
        self.certificate = (
            self.builder(self.subject, self.key, signer.subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
            .sign(signer.key, hashes.SHA256())
        )

    @staticmethod
    def builder(subject, key, issuer, begins=-DAY, ends=DAY):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() + begins)
            .not_valid_after(now() + ends)
        )

    def issue(self, directory, label, subject, usage=CLIENT, alternative=(), **validity):
        """A certificate and its key as files: `(pem, key)`. The chain of a lower authority comes along."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.builder(subject, key, self.subject, **validity)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if usage:
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if alternative:
            names = [KINDS[kind](text) for kind, text in alternative]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = made.sign(self.key, hashes.SHA256())
        chain = [certificate] + ([self.certificate] if self.above else [])
        self.latest = certificate
        return write(directory / f"{label}.pem", *chain), write_key(directory / f"{label}-key.pem", key)

    def revocations(self, path, ends=DAY, form=serialization.Encoding.PEM):
        """The list of what was taken back."""
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.subject)
            .last_update(now() - DAY)
            .next_update(now() + ends)
            .add_extension(x509.CRLNumber(len(self.revoked) + 1), critical=False)
        )
        for certificate in self.revoked:
            gone = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            made = made.add_revoked_certificate(gone.revocation_date(now()).build())
        path.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(form))
        return path
