# SPDX-License-Identifier: Apache-2.0
"""Messages API without usermsg: the cost of the database and the server.

A WSGI application that consists of a database driver and orjson only, and
responds to the requests of ``api.py`` as usermsg does: the same statements, in
transactions that are as durable, and the same content. It checks no policy and
hardly validates its input. Do not serve users with it.

It reads the environment variables ``BARE_DATABASE``, the URL of the database,
and ``BARE_TEXTS``, the path of a JSON file: event id -> the attributes of a
message that come from the catalogue.
"""

import contextlib
import datetime
import hashlib
import http
import os
import re
import secrets
import sqlite3
import urllib.parse

import orjson
import sqlalchemy

TTL = datetime.timedelta(days=30)
KEY_GRACE = datetime.timedelta(days=7)
MICROSECOND = datetime.timedelta(microseconds=1)
MAX_LIMIT = 1000

COLUMNS = (
    'id', 'prefix', 'project_id', 'user_id', 'request_id', 'resource_type',
    'resource_uuid', 'event_id', 'action_id', 'detail_id', 'message_level',
    'created_at', 'expires_at')
KEY_COLUMNS = (
    'project_id', 'source_id', 'message_id', 'digest', 'expires_at')

UUID = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
JSON = ('Content-Type', 'application/json')


class Driver:
    """Common part of the three database drivers.

    :param connection: DB-API connection in autocommit mode
    """

    placeholder = '%s'
    begin = 'BEGIN'
    hint = ''

    def __init__(self, connection):
        self._connection = connection

    def select(self, statement, values):
        with contextlib.closing(self._connection.cursor()) as cursor:
            cursor.execute(statement.replace('%s', self.placeholder), values)
            return cursor.fetchall()

    def insert(self, tables):
        """Insert rows in one transaction.

        :param tables: a list of (name, columns, rows)
        """
        with contextlib.closing(self._connection.cursor()) as cursor:
            if sum(len(rows) for _name, _columns, rows in tables) == 1:
                self._insert(cursor, *tables[0])  # in autocommit mode
                return
            cursor.execute(self.begin)
            try:
                for table in tables:
                    self._insert(cursor, *table)
            except BaseException:
                cursor.execute('ROLLBACK')
                raise
            cursor.execute('COMMIT')

    def _insert(self, cursor, name, columns, rows):
        cursor.executemany(
            f'INSERT INTO {name} ({", ".join(columns)}) '
            f'VALUES ({", ".join([self.placeholder] * len(columns))})', rows)

    to_column = from_column = staticmethod(lambda time: time)


class SQLite(Driver):
    placeholder = '?'
    begin = 'BEGIN IMMEDIATE'

    def __init__(self, url):
        super().__init__(sqlite3.connect(url.database, isolation_level=None))
        self._connection.execute('PRAGMA journal_mode = WAL')
        self._connection.execute('PRAGMA synchronous = NORMAL')

    # SQLite stores times as text, in the format of SQLAlchemy.
    to_column = staticmethod(
        lambda time: time.isoformat(' ', 'microseconds'))
    from_column = staticmethod(datetime.datetime.fromisoformat)


class MariaDB(Driver):
    # See usermsg.objects.message.page_query.
    hint = ' FORCE INDEX (messages_project_id_idx)'

    def __init__(self, url):
        import pymysql
        super().__init__(pymysql.connect(
            host=url.host, port=url.port, user=url.username,
            password=url.password, database=url.database, charset='utf8mb4',
            autocommit=True))


class PostgreSQL(Driver):

    def __init__(self, url):
        import psycopg2.extras
        self._insert_many = psycopg2.extras.execute_values
        super().__init__(psycopg2.connect(
            host=url.host, port=url.port, user=url.username,
            password=url.password, dbname=url.database))
        self._connection.autocommit = True
        # See usermsg.db.engine: without these settings PostgreSQL may choose
        # another plan.
        with self._connection.cursor() as cursor:
            cursor.execute(
                'SET enable_seqscan=off; SET enable_bitmapscan=off;'
                'SET max_parallel_workers_per_gather=0;'
                'SET seq_page_cost=0; SET random_page_cost=0')

    def _insert(self, cursor, name, columns, rows):
        # executemany of psycopg2 sends a statement for each row.
        self._insert_many(
            cursor, f'INSERT INTO {name} ({", ".join(columns)}) VALUES %s',
            rows, page_size=MAX_LIMIT)


DATABASES = {'sqlite': SQLite, 'mysql': MariaDB, 'postgresql': PostgreSQL}


class HTTPError(Exception):
    """Error response.

    :param status: HTTP status, an integer
    """

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class Bare:
    """The WSGI application.

    :param connect: function that returns a :class:`Driver`; called by the
        first request, because connections don't survive the fork of a worker
    :param texts: event id -> dict of user_message, remedy, user_fixable,
        retryable and link
    """

    def __init__(self, connect, texts):
        self._connect = connect
        self._texts = texts
        self._database = None

    def __call__(self, environ, start_response):
        if self._database is None:
            self._database = self._connect()
        headers = []
        try:
            status, content = self._respond(environ, headers)
        except HTTPError as error:
            status, content = error.status, {'error': str(error)}
        body = orjson.dumps(content, option=orjson.OPT_NAIVE_UTC)
        start_response(
            f'{status} {http.HTTPStatus(status).phrase}',
            [*headers, JSON, ('Content-Length', str(len(body)))])
        return [body]

    def _respond(self, environ, headers):
        method = environ['REQUEST_METHOD']
        segments = environ['PATH_INFO'].strip('/').split('/')
        address = (f'{environ["wsgi.url_scheme"]}://'
                   f'{environ["HTTP_HOST"]}/v3/messages')
        if segments == ['v3', 'messages']:
            if method == 'GET':
                return 200, self._list(environ, address)
            if method == 'POST':
                return 201, self._create(environ, address, headers)
            raise HTTPError(405, 'method')
        if segments[:2] == ['v3', 'messages'] and len(segments) == 3:
            if method != 'GET':
                raise HTTPError(405, 'method')
            return 200, self._show(environ, address, segments[2])
        raise HTTPError(404, 'path')

    def _list(self, environ, address):
        values = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
        try:
            limit = min(int(values.get('limit', MAX_LIMIT)), MAX_LIMIT)
        except ValueError:
            raise HTTPError(400, 'limit') from None
        if limit < 1:
            raise HTTPError(400, 'limit')
        conditions = 'project_id = %s'
        parameters = [environ['HTTP_X_PROJECT_ID']]
        marker = values.get('marker')
        if marker is not None:
            if not UUID.fullmatch(marker):
                raise HTTPError(400, 'marker')
            conditions += ' AND id < %s'
            parameters.append(marker)
        rows = self._database.select(
            f'SELECT {", ".join(COLUMNS)}, (SELECT message_id '
            'FROM read_marks WHERE project_id = %s AND user_id = %s) '
            f'FROM messages{self._database.hint} WHERE {conditions} '
            'ORDER BY id DESC LIMIT %s',
            (environ['HTTP_X_PROJECT_ID'], environ['HTTP_X_USER_ID'],
             *parameters, limit + 1))
        views = self._make_views(rows[:limit], address)
        mark = rows and rows[0][-1] or ''
        for view in views:
            view['unread'] = view['id'] > mark
        content = {'messages': views}
        if len(rows) > limit:
            query = urllib.parse.urlencode(
                {**values, 'marker': rows[limit - 1][0]})
            content['messages_links'] = [
                {'rel': 'next', 'href': f'{address}?{query}'}]
        return content

    def _show(self, environ, address, message_id):
        if not UUID.fullmatch(message_id):
            raise HTTPError(404, 'message')
        rows = self._database.select(
            f'SELECT {", ".join(COLUMNS)} FROM messages '
            'WHERE id = %s AND project_id = %s',
            (message_id, environ['HTTP_X_PROJECT_ID']))
        if not rows:
            raise HTTPError(404, 'message')
        return {'message': self._make_views(rows, address)[0]}

    def _create(self, environ, address, headers):
        length = int(environ.get('CONTENT_LENGTH') or 0)
        try:
            body = orjson.loads(environ['wsgi.input'].read(length))
            entries = body['messages'] if 'messages' in body else [
                body['message']]
            rows, keys = self._make_rows(environ, entries)
        except (KeyError, TypeError, ValueError) as error:
            raise HTTPError(400, str(error)) from None
        # The source keys first: only they may collide.
        self._database.insert([
            table for table in (('source_keys', KEY_COLUMNS, keys),
                                ('messages', COLUMNS, rows)) if table[2]])
        views = self._make_views(rows, address)
        if 'messages' in body:
            return {'messages': [{**view, 'status': 201} for view in views]}
        headers.append(('Location', views[0]['links'][0]['href']))
        return {'message': views[0]}

    def _make_rows(self, environ, entries):
        """Return rows of messages and of source keys.

        :raises KeyError, ValueError: a value is missing or invalid
        """
        request_id = environ.get('HTTP_X_OPENSTACK_REQUEST_ID')
        to_column = self._database.to_column
        rows, keys = [], []
        now = datetime.datetime.now(
            datetime.timezone.utc).replace(tzinfo=None)
        for entry in entries:
            now += MICROSECOND  # so that lists keep the order of the request
            message_id = _mint(now)
            event_id, level = entry['event_id'], entry['message_level']
            if event_id not in self._texts or level not in (
                    'INFO', 'WARN', 'ERROR'):
                raise ValueError('event_id or message_level')
            project_id = entry['project_id']
            resource = entry['resource_type'], entry['resource_uuid']
            rows.append((
                message_id, event_id.partition('_')[0], project_id,
                entry.get('user_id'), entry.get('request_id', request_id),
                *resource, event_id, None, None, level,
                to_column(now), to_column(now + TTL)))
            source_id = entry.get('source_id')
            if source_id is not None:
                digest = hashlib.sha256(orjson.dumps(
                    [event_id, *resource, level])).hexdigest()
                keys.append((project_id, source_id, message_id, digest,
                             to_column(now + TTL + KEY_GRACE)))
        return rows, sorted(keys)

    def _make_views(self, rows, address):
        texts = self._texts
        from_column = self._database.from_column
        return [{
            'id': message_id,
            'project_id': project_id,
            'event_id': event_id,
            **texts[event_id],
            'message_level': level,
            'resource_type': resource_type,
            'resource_uuid': resource_uuid,
            'created_at': from_column(created_at),
            'guaranteed_until': from_column(expires_at),
            'request_id': request_id,
            'links': [{'rel': 'self', 'href': f'{address}/{message_id}'}],
        } for (message_id, _prefix, project_id, _user, request_id,
               resource_type, resource_uuid, event_id, _action, _detail,
               level, created_at, expires_at, *_mark) in rows]


def _mint(now):
    """Return an id as usermsg.objects.ids.mint, for a naive time in UTC."""
    microseconds = (now - datetime.datetime(1970, 1, 1)) // MICROSECOND
    milliseconds, rest = divmod(microseconds, 1000)
    digits = f'{milliseconds:012x}7{rest * 4096 // 1000:03x}' \
             f'{0x2 << 62 | secrets.randbits(62):016x}'
    return (f'{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-'
            f'{digits[20:]}')


def nothing(environ, start_response):
    """Return as many bytes as requested; measures the limit of the client."""
    environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
    body = bytes(int(environ.get('HTTP_X_BYTES', 0)))
    start_response('200 OK', [JSON, ('Content-Length', str(len(body)))])
    return [body]


def _make_application():
    url = sqlalchemy.make_url(os.environ['BARE_DATABASE'])
    with open(os.environ['BARE_TEXTS'], 'rb') as stream:
        texts = orjson.loads(stream.read())
    connect = DATABASES[url.get_backend_name()]
    return Bare(lambda: connect(url), texts)


if 'BARE_DATABASE' in os.environ:
    application = _make_application()
