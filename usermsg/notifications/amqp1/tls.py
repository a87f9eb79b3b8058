# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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
        if settings.ca_file:
            made.set_trusted_ca_db(settings.ca_file)
    except proton.SSLException:
        raise exception.ConfigurationError(
            '[oslo_messaging_qpid] ssl_ca_file: it holds no certificates in '
            'PEM.', settings.ca_file) from None
    try:
        if settings.cert_file:
            made.set_credentials(settings.cert_file, settings.key_file,
                                 settings.key_password)
    except proton.SSLException:
        raise exception.ConfigurationError(
            '[oslo_messaging_qpid] ssl_cert_file, ssl_key_file: they are not '
            'a certificate and its key in PEM, or ssl_key_password is not '
            'that of the key.', settings.cert_file) from None
    # The certificate must be for the name of the host.
    made.set_peer_authentication(proton.SSLDomain.VERIFY_PEER_NAME)
    return made
