# SPDX-License-Identifier: Apache-2.0
"""Databases on several hosts: connect to a usable one, and leave others.

For PostgreSQL the driver chooses the host, with ``target_session_attrs``. For
MariaDB it is chosen here, because PyMySQL connects to one host only.
"""

import contextlib
import socket

import sqlalchemy as sa

_MARIADB_PORT = 3306

#: Errors of servers that accept connections but refuse statements: the first
#: argument of MariaDB's, the SQLSTATE of PostgreSQL's.
_REFUSED = frozenset((
    1047,     # a Galera node that isn't in the primary component
    '25006',  # a PostgreSQL server that is a standby now
))

#: Error of a Galera node that left the primary component during a commit.
_COMMIT_FAILED = 1180


def is_refusal(error):
    """Return True if a server didn't execute a statement, and won't for now.

    :param error: of the driver
    """
    return _code(error) in _REFUSED


def _code(error):
    return getattr(error, 'pgcode', None) or next(iter(error.args), None)


def lose_unusable(engine):
    """Treat connections to unusable servers as lost.

    SQLAlchemy then closes all connections of the pool, and new ones are to
    another host, or to the same address of a proxy, which knows another host.
    """
    dialect = engine.dialect
    is_disconnect = dialect.is_disconnect

    def is_lost(error, connection, cursor):
        return (is_refusal(error) or _code(error) == _COMMIT_FAILED or
                is_disconnect(error, connection, cursor))

    # Not an event: oslo.db's function for the same event precedes all others,
    # and ends the event by an exception.
    dialect.is_disconnect = is_lost


def connect_in_turn(engine, url):
    """Connect an engine for PyMySQL to the first usable host of its URL.

    :param url: its parameter ``host`` may be given several times, each with
        an optional port; without it the driver knows the host
    """
    hosts = [{'host': host, 'port': port} for host, port in parse(url)] or [{}]
    # The index of the host that was usable last: while a host is frozen, only
    # one connection has to wait for it.
    first = 0

    @sa.event.listens_for(engine, 'do_connect')
    def connect(dialect, _record, _arguments, parameters):
        nonlocal first
        start = first
        for number in range(start, start + len(hosts)):
            number %= len(hosts)
            try:
                connection = _connect(
                    dialect.loaded_dbapi, {**parameters, **hosts[number]},
                    check=len(hosts) > 1)
            except (dialect.loaded_dbapi.OperationalError, OSError) as failure:
                error = failure
            else:
                first = number
                return connection
        raise error


def parse(url):
    """Return the parameters ``host`` of a URL of MariaDB.

    :returns: a list of (name, port) pairs
    :raises ValueError: one is neither HOST nor HOST:PORT
    """
    given = url.query.get('host', ())
    hosts = []
    for host in (given,) if isinstance(given, str) else given:
        # The brackets of an IPv6 address.
        name, colon, port = host.rpartition(':')
        if not colon or port.endswith(']'):
            name, port = host, _MARIADB_PORT
        if ',' in name or (':' in name and not name.endswith(']')):
            raise ValueError(host)
        hosts.append((name.strip('[]'), int(port)))
    return hosts


def _connect(pymysql, parameters, check):
    """Return a connection.

    :param check: check that the host can be used for queries
    """
    connection = pymysql.connect(**parameters, defer_connect=True)
    # They can be those of a file that the URL names.
    host = connection.host, connection.port
    if connection.unix_socket:
        connection.connect()
        return connection
    source = (connection.bind_address, 0) if connection.bind_address else None
    with contextlib.ExitStack() as on_error:
        try:
            sock = socket.create_connection(
                host, float(parameters['connect_timeout']), source)
            on_error.callback(sock.close)
            # PyMySQL would wait for the first packet, which the server sends,
            # until read_timeout. The system accepts connections to a server
            # that is frozen.
            sock.recv(1, socket.MSG_PEEK)
        except OSError as error:
            raise pymysql.OperationalError(
                2003, f"Can't connect to {host[0]} port {host[1]} ({error})"
            ) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.connect(sock)
        on_error.callback(connection.close)
        if check:
            # A Galera node that isn't in the primary component accepts the
            # connection and refuses one of these.
            with connection.cursor() as cursor:
                cursor.execute('SELECT 1')
            connection.rollback()
        on_error.pop_all()
    return connection
