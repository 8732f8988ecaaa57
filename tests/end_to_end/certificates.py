"""Certificates of an authority of our own, for servers and clients."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, in files."""

    public: Path
    key: Path


class Authority:
    """Issues certificates, with files below one folder, whose names begin with ``name``."""

    def __init__(self, folder: Path, *, name: str = "ca") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self._issue(name, self._key, _is_authority(), days=2).public
        """The certificate that those trust who trust this authority."""

    def issue(self, name: str, *, host: str = "127.0.0.1", days: int = 2) -> Certificate:
        """Return a certificate for a host, an address; with negative ``days`` it has expired."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        return self._issue(name, ec.generate_private_key(ec.SECP256R1()), names, days=days)

    def _issue(
        self, name: str, key: ec.EllipticCurvePrivateKey, says: x509.ExtensionType, *, days: int
    ) -> Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=7))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(says, critical=isinstance(says, x509.BasicConstraints))
            .sign(self._key, SHA256())
        )
        stem = self._folder / f"{self._name}-{name}"
        files = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        files.public.write_bytes(made.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files


def _is_authority() -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, path_length=None)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
