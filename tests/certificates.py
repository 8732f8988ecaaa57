"""Certificates for servers and clients: of an authority of our own, and self-signed ones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_IS_AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, in files, both PEM."""

    public: Path
    key: Path


class Authority:
    """Issues certificates, with files below one folder, whose names begin with ``name``."""

    def __init__(self, folder: Path, *, name: str = "ca") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self._issue(name, self._key, _IS_AUTHORITY, days=2).public
        """The certificate that those trust who trust this authority."""

    def issue(self, name: str, *, host: str = "127.0.0.1", days: int = 2) -> Certificate:
        """Return a certificate for a host, an address; with negative ``days`` it has expired."""
        return self._issue(name, ec.generate_private_key(ec.SECP256R1()), _names(host), days=days)

    def _issue(
        self, name: str, key: ec.EllipticCurvePrivateKey, says: x509.ExtensionType, *, days: int
    ) -> Certificate:
        made = _signed(
            _named(name),
            key,
            says,
            issuer=_named(self._name),
            by=self._key,
            starts=timedelta(days=-7),
            ends=timedelta(days=days),
        )
        return _written(self._folder / f"{self._name}-{name}", made, key)


def make_certificate(
    folder: Path,
    *,
    name: str = "127.0.0.1",
    starts: timedelta = timedelta(days=-2),
    ends: timedelta = timedelta(days=1),
) -> Certificate:
    """Write a self-signed certificate for a host, valid from and until some time from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = _named(name)
    made = _signed(who, key, _names(name), issuer=who, by=key, starts=starts, ends=ends)
    folder.mkdir(exist_ok=True)
    return _written(folder / "server", made, key)


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    says: x509.ExtensionType,
    *,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    starts: timedelta,
    ends: timedelta,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .add_extension(says, critical=isinstance(says, x509.BasicConstraints))
        .sign(by, SHA256())
    )


def _written(stem: Path, made: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certificate:
    files = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    files.public.write_bytes(made.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _names(host: str) -> x509.SubjectAlternativeName:
    is_address = host.replace(".", "").isdigit()
    return x509.SubjectAlternativeName(
        [x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)]
    )
