"""A provider of OpenID Connect that the tests control to the byte: what it publishes, what it signs, when it is gone."""

import base64
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

RSA_HASHES = {"RS256": hashes.SHA256, "RS384": hashes.SHA384, "RS512": hashes.SHA512}
PSS_HASHES = {"PS256": hashes.SHA256, "PS384": hashes.SHA384, "PS512": hashes.SHA512}
CURVES = {"ES256": (ec.SECP256R1, hashes.SHA256, 32), "ES384": (ec.SECP384R1, hashes.SHA384, 48)}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(document):
    return b64(document if isinstance(document, bytes) else json.dumps(document).encode())


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key that signs tokens, and how it is published."""

    def __init__(self, algorithm, kid, bits=2048):
        self.algorithm, self.kid = algorithm, kid
        if algorithm in CURVES:
            self.private = ec.generate_private_key(CURVES[algorithm][0]())
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, bits)

    def published(self):
        public = self.private.public_key()
        jwk = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm in CURVES:
            numbers, length = public.public_numbers(), CURVES[self.algorithm][2]
            curve = {"ES256": "P-256", "ES384": "P-384"}[self.algorithm]
            return jwk | {"kty": "EC", "crv": curve, "x": number(numbers.x, length), "y": number(numbers.y, length)}
        if self.algorithm == "EdDSA":
            return jwk | {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        return jwk | {"kty": "RSA", "n": number(public.public_numbers().n), "e": number(public.public_numbers().e)}

    def pem(self):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form)

    def sign(self, message, algorithm=None):
        algorithm = algorithm or self.algorithm
        if algorithm in CURVES:
            _, digest, length = CURVES[algorithm]
            r, s = utils.decode_dss_signature(self.private.sign(message, ec.ECDSA(digest())))
            return r.to_bytes(length, "big") + s.to_bytes(length, "big")
        if algorithm == "EdDSA":
            return self.private.sign(message)
        if algorithm in PSS_HASHES:
            digest = PSS_HASHES[algorithm]()
            return self.private.sign(message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(message, padding.PKCS1v15(), RSA_HASHES[algorithm]())

    def token(self, claims, header=None):
        """A token, signed."""
        head = {"typ": "JWT", "alg": self.algorithm, "kid": self.kid} | (header or {})
        message = f"{part({name: value for name, value in head.items() if value is not None})}.{part(claims)}"
        return f"{message}.{b64(self.sign(message.encode()))}"


def signed_with_secret(secret, claims, header):
    """A token whose signature is made with a shared secret: with a public key for one, this is a famous forgery."""
    message = f"{part({'typ': 'JWT', 'alg': 'HS256'} | header)}.{part(claims)}"
    made = hmac.HMAC(secret, hashes.SHA256())
    made.update(message.encode())
    return f"{message}.{b64(made.finalize())}"


class Issuer:
    """The provider: an HTTP server on a thread."""

    def __init__(self, audience="twinlake"):
        self.keys = [Key("RS256", "rsa"), Key("ES256", "curve")]
        self.audience = audience
        self.asked = []
        self.discovery = {}
        self.is_gone = False
        issuer = self

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                document = None if issuer.is_gone else issuer.document(self.path)
                body = json.dumps(document).encode()
                self.send_response(200 if document is not None else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}/realms/lake"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self, path):
        if path == "/realms/lake/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.discovery
        if path == "/realms/lake/keys":
            return {"keys": [key if isinstance(key, dict) else key.published() for key in self.keys]}
        return None

    def claims(self, subject="alice", **changed):
        """What a good token says; `None` takes a claim away."""
        now = time.time()
        said = {"iss": self.url, "sub": subject, "aud": self.audience, "iat": int(now), "exp": int(now) + 300} | changed
        return {name: value for name, value in said.items() if value is not None}

    def token(self, subject="alice", key=0, header=None, **changed):
        return self.keys[key].token(self.claims(subject, **changed), header)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
