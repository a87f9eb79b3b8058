# SPDX-License-Identifier: Apache-2.0
"""TLS as Proton is told about it."""

from usermsg import exception


def domain(proton, settings):
    """Whom to trust and who we are, for one connection.

    For one only: Proton keeps a name and a session in what it makes of it.

    :param settings: a :class:`.settings.Settings`
    :raises usermsg.exception.ConfigurationError: a file can't be used
    """
    made = proton.SSLDomain(proton.SSLDomain.MODE_CLIENT)
    try:
        if settings.ssl_ca_file:
            made.set_trusted_ca_db(settings.ssl_ca_file)
    except proton.SSLException:
        raise exception.ConfigurationError(
            '[oslo_messaging_qpid] ssl_ca_file: it holds no certificates in '
            'PEM.', settings.ssl_ca_file) from None
    try:
        if settings.ssl_cert_file:
            made.set_credentials(settings.ssl_cert_file, settings.ssl_key_file,
                                 settings.ssl_key_password)
    except proton.SSLException:
        raise exception.ConfigurationError(
            '[oslo_messaging_qpid] ssl_cert_file, ssl_key_file: they are not '
            'a certificate and its key in PEM, or ssl_key_password is not '
            'that of the key.', settings.ssl_cert_file) from None
    # The certificate must be for the name of the host.
    made.set_peer_authentication(proton.SSLDomain.VERIFY_PEER_NAME)
    return made
