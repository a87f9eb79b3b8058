# SPDX-License-Identifier: Apache-2.0
"""The address of a database: what is usable, and what is added to it."""

from urllib import parse

import sqlalchemy
from sqlalchemy import exc as sa_exception

from usermsg import exception

#: What the drivers and servers leave open; times in seconds, if nothing else
#: is said. A value in the URL or in [database] connection_parameters wins.
_DEFAULTS = {
    'mysql': {'connect_timeout': '4', 'read_timeout': '30',
              'write_timeout': '30'},
    'postgresql': {'connect_timeout': '4', 'keepalives_idle': '10',
                   'keepalives_interval': '5', 'keepalives_count': '3',
                   'tcp_user_timeout': '30000'},
    # A write tries again several times after that.
    'sqlite': {'timeout': '2'},
}

#: Parameters that name a file.
_FILES = ('ssl_ca', 'ssl_cert', 'ssl_key', 'sslrootcert', 'sslcert', 'sslkey',
          'sslcrl')

#: What is tested, and the extra that brings it.
_DRIVERS = {'mysql': ('mysql+pymysql', 'pymysql', 'mysql'),
            'postgresql': ('postgresql+psycopg2', 'psycopg2', 'postgresql')}


def parse_url(text, name='[database] connection'):
    """The address of a database that can be used here.

    :param name: where the text stands; errors say that, never the text
        itself, which may hold a password
    :raises usermsg.exception.ConfigurationError: it is missing or can't be
        understood, its driver isn't installed, or a file that it names can't
        be read
    """
    if not text:
        raise exception.ConfigurationError(
            f'{name} is not set; for example: '
            f'mysql+pymysql://usermsg:PASSWORD@HOST/usermsg?charset=utf8mb4')
    try:
        url = sqlalchemy.make_url(text)
        dialect = url.get_dialect()
    except sa_exception.NoSuchModuleError:
        raise exception.ConfigurationError(
            f'{name}: {url.drivername!r} is not a kind of database that is '
            f'known here.') from None
    except (sa_exception.ArgumentError, ValueError):
        # The text isn't repeated: it may hold a password.
        raise exception.ConfigurationError(
            f'{name} is not the address of a database.') from None
    if '@' in (url.host or ''):
        # Else the rest of the password would be taken for the host's name,
        # which drivers repeat.
        raise exception.ConfigurationError(
            f'{name}: an @ in the password must be written as %40.')
    backend = url.get_backend_name()
    if backend not in _DEFAULTS:
        raise exception.ConfigurationError(
            f'{name}: {backend} is not supported; use mysql, postgresql or '
            f'sqlite.')
    try:
        dialect.import_dbapi()
    except ImportError as error:
        raise exception.ConfigurationError(
            f'{name}: the driver {error.name} is not installed. '
            f'{_driver_advice(backend, error.name)}') from None
    _check_files(url.query, name)
    return url


def _check_files(values, name):
    """Whether the certificates and keys that parameters name can be read.

    Drivers look at them when they connect. Some then fail as if it was our
    error, without the name of the file; some go on without it.
    """
    for parameter in _FILES:
        path = values.get(parameter)
        # Also the authorities of the system, and keys in a token.
        if (not isinstance(path, str) or not path or path == 'system' or
                parameter == 'sslkey' and ':' in path):
            continue
        try:
            open(path, 'rb').close()
        except OSError as error:
            raise exception.ConfigurationError(
                f'{name}: the file {path} of "{parameter}" cannot be read: '
                f'{error.strerror}.') from None


def _driver_advice(backend, missing):
    if backend not in _DRIVERS:
        return 'Write sqlite:///PATH.'
    scheme, module, extra = _DRIVERS[backend]
    if missing == module:
        return f'Install usermsg[{extra}].'
    return f'Write {scheme}://..., or install that driver yourself.'


def completed(url, configured='', no_statement_timeout=False):
    """A URL with what the drivers and servers leave open.

    :param configured: further parameters, in the form of a query string
    :param no_statement_timeout: without a limit on the time to read an answer
    :raises usermsg.exception.ConfigurationError: a file that a parameter
        names can't be read
    """
    given = dict(parse.parse_qsl(configured))
    _check_files(given, '[database] connection_parameters')
    query = {**_DEFAULTS[url.get_backend_name()], **given, **url.query}
    if no_statement_timeout:
        query.pop('read_timeout', None)
    return url.set(query=query)
