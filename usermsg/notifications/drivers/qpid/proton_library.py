# SPDX-License-Identifier: Apache-2.0
"""Import of Qpid Proton, which is installed only where the driver is used."""

import importlib

from usermsg import exception

_INSTRUCTIONS = (
    'It is built from source during installation, which requires gcc and (on '
    'Debian) the packages python3-dev, pkg-config, libssl-dev, libsasl2-dev '
    'and libsasl2-modules; without them the build may succeed, but '
    'lacks TLS and SASL. Install them first, then run: '
    'pip install --no-cache-dir')
_REINSTALL = f'{_INSTRUCTIONS} --force-reinstall --no-deps python-qpid-proton'


def load(tls, sasl):
    """Return the module ``proton``.

    :param tls: whether TLS will be used
    :param sasl: whether a user name will be sent
    :raises usermsg.exception.ConfigurationError: the package is not
        installed, or was built without a required feature
    """
    try:
        proton = importlib.import_module('proton')
    except ImportError as error:
        # Another name is that of a submodule: the package is installed, but
        # damaged.
        instructions = (f"{_INSTRUCTIONS} 'usermsg[qpid]'"
                        if error.name == 'proton' else _REINSTALL)
        raise exception.ConfigurationError(
            'the notification driver qpid needs the Python package '
            f'python-qpid-proton, which cannot be imported. {instructions}'
        ) from None
    return check(proton, tls, sasl)


def check(proton, tls, sasl):
    """Return the module if it was built with the required features."""
    missing = None
    if tls and not proton.SSL.present():
        missing = ('TLS, which a URL amqps:// in [oslo_messaging_qpid] hosts '
                   'requires')
    elif sasl and not proton.SASL.extended():
        missing = ('SASL, which a user name in [oslo_messaging_qpid] hosts '
                   'requires')
    if missing:
        raise exception.ConfigurationError(
            'the Python package python-qpid-proton was built without '
            f'{missing}. {_REINSTALL}')
    return proton
