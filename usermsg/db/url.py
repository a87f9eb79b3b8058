# SPDX-License-Identifier: Apache-2.0
"""Database URLs: validation, and default connection parameters."""

from urllib import parse

import sqlalchemy
from sqlalchemy import exc as sa_exception

from usermsg.db import hosts
from usermsg import exception

#: Default connection parameters; times in seconds unless noted. A value in
#: the URL or in [database] connection_parameters has precedence.
_DEFAULTS = {
    'mysql': {'connect_timeout': '4', 'read_timeout': '30',
              'write_timeout': '30'},
    'postgresql': {'connect_timeout': '4', 'keepalives_idle': '10',
                   'keepalives_interval': '5', 'keepalives_count': '3',
                   'tcp_user_timeout': '30000'},  # milliseconds
    # A write is retried several times after that.
    'sqlite': {'timeout': '2'},
}

#: The same for several hosts, where it is better to give one up than to wait
#: for it.
_SEVERAL_HOSTS_DEFAULTS = {
    'mysql': {'read_timeout': '10', 'write_timeout': '10'},
    'postgresql': {'target_session_attrs': 'read-write',
                   'tcp_user_timeout': '10000'},  # milliseconds
}

#: Parameters that name a file.
_FILES = ('ssl_ca', 'ssl_cert', 'ssl_key', 'sslrootcert', 'sslcert', 'sslkey',
          'sslcrl')

#: Backend -> (tested scheme, its module, the extra that installs it).
_DRIVERS = {'mysql': ('mysql+pymysql', 'pymysql', 'mysql'),
            'postgresql': ('postgresql+psycopg2', 'psycopg2', 'postgresql')}


def parse_url(text, name='[database] connection'):
    """Return the SQLAlchemy URL of a supported database.

    :param name: of the option, for errors: these never repeat the text, which
        may contain a password
    :raises usermsg.exception.ConfigurationError: it is missing or malformed,
        its driver isn't installed, or a file that it names can't be read
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
            f'{name}: unknown database driver {url.drivername!r}; use '
            f'mysql+pymysql, postgresql or sqlite.') from None
    except (sa_exception.ArgumentError, ValueError):
        # The text isn't repeated: it may contain a password.
        raise exception.ConfigurationError(
            f'{name} is not a valid database URL.') from None
    if '@' in (url.host or ''):
        # Otherwise the rest of the password would be taken for a host name,
        # which drivers repeat in errors.
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
    if backend == 'mysql':
        try:
            hosts.parse(url)
        except ValueError:
            raise exception.ConfigurationError(
                f'{name}: each "host" must be HOST or HOST:PORT.') from None
    return url


def _check_files(values, name):
    """Check that certificate and key files in parameters are readable.

    Drivers read them on connect. Some then fail with an error that looks like
    a defect, without the file's name; some continue without the file.
    """
    for parameter in _FILES:
        path = values.get(parameter)
        # "system" is the system's trust store; a key with ":" is in a
        # hardware token.
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
        return 'Use sqlite:///PATH.'
    scheme, module, extra = _DRIVERS[backend]
    if missing == module:
        return f'Install usermsg[{extra}].'
    return f'Use {scheme}://..., or install that driver.'


def add_defaults(url, configured='', no_statement_timeout=False):
    """Return a URL with the default connection parameters.

    :param configured: further parameters, in the form of a query string
    :param no_statement_timeout: without a limit on the time to read a
        response
    :raises usermsg.exception.ConfigurationError: a file that a parameter
        names can't be read
    """
    parameters = dict(parse.parse_qsl(configured))
    _check_files(parameters, '[database] connection_parameters')
    backend = url.get_backend_name()
    defaults = dict(_DEFAULTS[backend])
    if _has_several_hosts(url):
        defaults.update(_SEVERAL_HOSTS_DEFAULTS[backend])
    query = {**defaults, **parameters, **url.query}
    if no_statement_timeout:
        query.pop('read_timeout', None)
    return url.set(query=query)


def _has_several_hosts(url):
    given = url.query.get('host', url.host or '')
    return not isinstance(given, str) or ',' in given
