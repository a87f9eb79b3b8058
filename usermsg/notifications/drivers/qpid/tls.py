# SPDX-License-Identifier: Apache-2.0
"""TLS configuration of Proton."""

from usermsg import exception


def make_domain(proton, settings):
    """Return trust and credentials for one connection, an ``SSLDomain``.

    Not shared between connections: Proton keeps a host name and a TLS session
    in the objects that it makes from a domain.

    :param settings: a :class:`.settings.Settings`
    :raises usermsg.exception.ConfigurationError: a file can't be used
    """
    domain = proton.SSLDomain(proton.SSLDomain.MODE_CLIENT)
    path = settings.ssl_ca_file
    reason = 'ssl_ca_file: the file contains no certificates in PEM format.'
    try:
        if path:
            domain.set_trusted_ca_db(path)
        path = settings.ssl_cert_file
        reason = (
            'ssl_cert_file, ssl_key_file: the files are not a certificate and '
            'its key in PEM format, or ssl_key_password is not the password '
            'of the key.')
        if path:
            domain.set_credentials(
                path, settings.ssl_key_file, settings.ssl_key_password)
    except proton.SSLException:
        raise exception.ConfigurationError(
            f'[oslo_messaging_qpid] {reason}', path) from None
    # The certificate must be issued for the name of the host.
    domain.set_peer_authentication(proton.SSLDomain.VERIFY_PEER_NAME)
    return domain
