# SPDX-License-Identifier: Apache-2.0
"""TLS as Proton is told about it."""

from usermsg import exception


def make_domain(proton, settings):
    """Whom to trust and who we are, for one connection.

    For one only: Proton keeps a name and a session in what it makes of it.

    :param settings: a :class:`.settings.Settings`
    :raises usermsg.exception.ConfigurationError: a file can't be used
    """
    domain = proton.SSLDomain(proton.SSLDomain.MODE_CLIENT)
    path = settings.ssl_ca_file
    reason = 'ssl_ca_file: it holds no certificates in PEM.'
    try:
        if path:
            domain.set_trusted_ca_db(path)
        path = settings.ssl_cert_file
        reason = (
            'ssl_cert_file, ssl_key_file: they are not a certificate and its '
            'key in PEM, or ssl_key_password is not that of the key.')
        if path:
            domain.set_credentials(
                path, settings.ssl_key_file, settings.ssl_key_password)
    except proton.SSLException:
        raise exception.ConfigurationError(
            f'[oslo_messaging_qpid] {reason}', path) from None
    # The certificate must be for the name of the host.
    domain.set_peer_authentication(proton.SSLDomain.VERIFY_PEER_NAME)
    return domain
