# SPDX-License-Identifier: Apache-2.0
"""Qpid Proton, which is only there where the driver is used."""

import importlib

from usermsg import exception

_HOW = ('It is built from source when it is installed, which needs gcc and '
        '(on Debian) the packages python3-dev, pkg-config, libssl-dev, '
        'libsasl2-dev and libsasl2-modules; without them it is built all the '
        'same, without TLS and SASL. Install them first, then run: '
        'pip install --no-cache-dir')
_AGAIN = f'{_HOW} --force-reinstall --no-deps python-qpid-proton'


def load(tls, sasl):
    """The module ``proton``.

    :param tls: whether TLS will be used
    :param sasl: whether a user name will be given
    :raises usermsg.exception.ConfigurationError: it is not there, or was
        built without what is needed
    """
    try:
        proton = importlib.import_module('proton')
    except ImportError as error:
        # Another name is that of a part: it is there, and broken.
        how = f"{_HOW} 'usermsg[qpid]'" if error.name == 'proton' else _AGAIN
        raise exception.ConfigurationError(
            'the notification driver qpid needs the Python package '
            f'python-qpid-proton, which cannot be imported. {how}'
        ) from None
    return check(proton, tls, sasl)


def check(proton, tls, sasl):
    """The module again, if it was built with what is needed."""
    missing = None
    if tls and not proton.SSL.present():
        missing = 'TLS, which [oslo_messaging_qpid] hosts asks for (amqps://)'
    elif sasl and not proton.SASL.extended():
        missing = ('SASL, which a user name in [oslo_messaging_qpid] hosts '
                   'needs')
    if missing:
        raise exception.ConfigurationError(
            'the Python package python-qpid-proton was built without '
            f'{missing}. {_AGAIN}')
    return proton
