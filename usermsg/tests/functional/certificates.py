# SPDX-License-Identifier: Apache-2.0
"""Certificates of an authority of a test's own."""

import datetime
import ipaddress

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509


class Authority:
    """Issues certificates for servers and clients, valid for two days."""

    def __init__(self, name='Test authority'):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key)
        self._certificate = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True,
        ).add_extension(x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True,
            content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False), critical=True,
        ).sign(self._key, hashes.SHA256())

    @property
    def pem(self):
        """What is trusted by whoever trusts this authority."""
        return _pem(self._certificate)

    def _builder(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        public = key.public_key()
        authority = self._key.public_key()
        return (
            x509.CertificateBuilder(self._name, subject, public,
                                    x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + day)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public),
                critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority),
                critical=False))

    def issue(self, *names):
        """A certificate, and its private key, both as PEM.

        :param names: of hosts, or addresses; the first is its common name
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        certificate = self._builder(subject, key).add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]),
            critical=False).sign(self._key, hashes.SHA256())
        return _pem(certificate), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _general(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
