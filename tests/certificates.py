"""Certificates for servers of tests: good ones, expired ones, and ones for other names."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of a certificate and of its key, both PEM."""

    certificate: Path
    key: Path


def make_certificate(
    folder: Path,
    *,
    name: str = "127.0.0.1",
    starts: timedelta = timedelta(days=-2),
    ends: timedelta = timedelta(days=1),
) -> Certificate:
    """Write a self-signed certificate for a host, valid from and until some time from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_address = name.replace(".", "").isdigit()
    names = x509.IPAddress(ip_address(name)) if is_address else x509.DNSName(name)
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([names]), critical=False)
        .sign(key, SHA256())
    )
    folder.mkdir(exist_ok=True)
    made = Certificate(folder / "server.pem", folder / "server.key")
    made.certificate.write_bytes(built.public_bytes(Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    return made
