# SPDX-License-Identifier: Apache-2.0
"""Query plans: each query scans its intended index."""

import datetime
import itertools
import re

import sqlalchemy as sa
from sqlalchemy import event

from usermsg.db import engine
from usermsg.db import models
from usermsg import exception
from usermsg.listener import correlation
from usermsg.message import schemas
from usermsg.objects import message
from usermsg.objects import message_summary
from usermsg.objects import observation
from usermsg.objects import removal
from usermsg.objects import resource_state
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import samples

ROWS = 30_000
LIMIT = 101

# Correlated values: the first of each are frequent and the second rare. The
# database has no statistics of the correlation.
_VALUES = {'prefix': ('VOLUME', 'SHARE'),
           'resource_type': ('VOLUME', 'SHARE'),
           'event_id': ('VOLUME_000001', 'SHARE_000002'),
           'message_level': ('ERROR', 'INFO'),
           'resource_uuid': ('frequent', 'resource-000100'),
           'request_id': ('req-frequent', 'req-00000302')}
_PROJECTS = (None, 'huge', 'small-003')


def _rows():
    step = datetime.timedelta(seconds=1)
    for number in range(ROWS):
        rare = number % 50 == 7
        yield samples.row(
            samples.START + number * step,
            project_id=('huge' if number % 10 < 8 else
                        f'small-{number // 10 % 300:03}'),
            resource_uuid=('frequent' if number % 20 == 4 else
                           f'resource-{number // 3:06}'),
            request_id=('req-frequent' if number % 100 == 5 else
                        f'req-{number:08}'),
            **{name: values[rare] for name, values in _VALUES.items()
               if name not in ('resource_uuid', 'request_id')})


def _index(filters):
    if 'id' in filters:
        return 'the primary key'
    if 'project_id' not in filters:
        if 'request_id' in filters:
            return 'messages_request_id_idx'
        if 'resource_uuid' in filters:
            return 'messages_resource_uuid_id_idx'
        return 'the primary key'
    if 'request_id' in filters:
        return 'messages_project_request_idx'
    if 'resource_uuid' in filters:
        return 'messages_project_resource_idx'
    if 'prefix' in filters:
        return 'messages_project_prefix_id_idx'
    if 'message_level' in filters:
        return 'messages_project_level_idx'
    return 'messages_project_id_idx'


def _queries(dialect, positions, variant):
    """Yield (filters, intended index, query) for each kind of page."""
    for project in _PROJECTS:
        for names in itertools.chain.from_iterable(
                itertools.combinations(_VALUES, size)
                for size in range(len(_VALUES) + 1)):
            filters = {name: _VALUES[name][variant] for name in names}
            if project:
                filters['project_id'] = project
            for position, ascending in itertools.product(positions,
                                                         (False, True)):
                for make_query in (message.page_query,
                                   message.joined_ids_query):
                    yield filters, _index(filters), make_query(
                        dialect, filters, 'alice' if project else None,
                        limit=LIMIT, ascending=ascending, **position)
                if message.select_served(filters)[0] == filters:
                    index = f'{_index(filters)} alone'
                    yield filters, index, message.id_query(
                        dialect, filters, limit=1, offset=LIMIT,
                        ascending=ascending, **position)
        # Several values of a column, for which no index is used.
        scope = {'project_id': project} if project else {}
        for name in schemas.LISTS:
            filters = {**scope, name: (*_VALUES[name], 'INFO')}
            yield filters, _index(scope), message.page_query(
                dialect, filters, limit=LIMIT)
        # Further queries of the facades.
        scope = {'prefix': _VALUES['prefix'][variant]}
        if project:
            scope['project_id'] = project
        for more in ({'id': samples.row()['id']},
                     {'action_id': '001', 'detail_id': '002'}, {}):
            filters = {**scope, **more}
            yield filters, _index(filters), message.page_query(
                dialect, filters, limit=LIMIT, offset=20)


def _rows_read(connection):
    """Return the number of rows that MariaDB has read for a connection."""
    # Without those of the status itself, which is a temporary table.
    return sum(
        int(value) for name, value in connection.exec_driver_sql(
            "SHOW SESSION STATUS LIKE 'Handler_read_%%'")
        if not name.startswith('Handler_read_rnd'))


def _sqlite_work(connection, query, values):
    # Steps of SQLite's virtual machine.
    steps = []
    driver = connection.connection.driver_connection
    driver.set_progress_handler(lambda: steps.append(1), 1)
    query.rows(connection.connection, connection.dialect, values)
    driver.set_progress_handler(None, 0)
    return len(steps)


def _mysql_work(connection, query, values):
    before = _rows_read(connection)
    query.rows(connection.connection, connection.dialect, values)
    return _rows_read(connection) - before


def _postgresql_work(connection, query, values):
    text, parameters = query.prepare(connection.dialect, values)
    explained, = connection.exec_driver_sql(
        f'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}',
        parameters).scalar()
    return sum(explained['Plan'][f'Shared {kind} Blocks']
               for kind in ('Hit', 'Read'))


#: Dialect -> function that returns the work of the database for a query.
_WORK = {'sqlite': _sqlite_work, 'mysql': _mysql_work,
         'postgresql': _postgresql_work}


class TestCase(databases.TestCase):

    #: Instead of this index PostgreSQL may scan a whole project, if it expects
    #: that most of its messages have the prefix.
    INTERCHANGEABLE = 'messages_project_prefix_id_idx'

    def setUp(self):
        super().setUp()
        self.db = self.runtime().db

    def analyze(self, *tables):
        with self.db.engine().connect() as connection:
            connection = connection.execution_options(
                isolation_level='AUTOCOMMIT')
            for table in tables:
                connection.execute(sa.text(
                    f'ANALYZE TABLE {table}' if self.db.dialect == 'mysql'
                    else f'ANALYZE {table}'))

    def problem(self, connection, statement, parameters, index,
                table='messages', may_sort=False):
        """Return the problem of a query plan, or None."""
        rows = connection.exec_driver_sql(
            {'sqlite': 'EXPLAIN QUERY PLAN ', 'mysql': 'EXPLAIN ',
             'postgresql': 'EXPLAIN '}[self.db.dialect] + statement,
            parameters).all()
        if self.db.dialect == 'postgresql' and re.fullmatch(
                self.INTERCHANGEABLE, index):
            index = f'({index}|messages_project_id_idx)'
        check = getattr(self, f'_{self.db.dialect}_problem')
        problem = check(rows, index, table, may_sort)
        return problem and f'{problem}: {rows}'[:2000]

    def _sqlite_problem(self, rows, index, table, may_sort):
        if index == 'the primary key':
            index = f'sqlite_autoindex_{table}_1'
        first, *others = sorted(
            (row[3] for row in rows),
            key=lambda line: not re.match(rf'\w+ {table}\b', line))
        # Without conditions a scan in the order of the index is right, too.
        if not re.match(
                f'SEARCH {table} USING (COVERING )?INDEX {index} '
                f'|SCAN {table} USING (COVERING )?INDEX sqlite_auto', first):
            return f'does not use {index}'
        if [line for line in others if 'TEMP B-TREE' in line] != (
                ['USE TEMP B-TREE FOR RIGHT PART OF ORDER BY']
                if may_sort else []):
            return 'sorts'

    def _mysql_problem(self, rows, index, table, may_sort):
        if index == 'the primary key':
            index = 'PRIMARY'
            if any('after reading const tables' in row.Extra for row in rows):
                return None  # the planner has read the row already
        row, = [row._mapping for row in rows if row.table == table]
        if row['key'] != index:
            return f'does not use {index}'
        if row['type'] == 'ALL' or (row['type'] == 'index' and
                                    index != 'PRIMARY'):
            return 'reads the whole table'
        # Even with may_sort: InnoDB appends the primary key to each index.
        if 'filesort' in row['Extra'] or 'temporary' in row['Extra']:
            return 'sorts'

    def _postgresql_problem(self, rows, index, table, may_sort):
        if index == 'the primary key':
            index = f'{table}_pkey'
        lines = [row[0] for row in rows]
        scans = [line for line in lines if ' Scan' in line and
                 re.search(rf'\b({index}|{table})\b', line)]
        if len(scans) != 1 or not re.search(
                rf'Index (Only )?Scan (Backward )?using {index} on {table}',
                scans[0]):
            return f'does not use {index}'
        if not may_sort and any('Sort' in line for line in lines):
            return 'sorts'

    def check_pages(self, *arguments):
        problems = []
        engine = self.db.engine()
        with engine.connect() as connection:
            for filters, index, query in _queries(self.db.dialect,
                                                  *arguments):
                query, values = query
                # Lists of all projects may sort the messages of a request:
                # that index doesn't contain the id. Counting doesn't sort.
                problem = self.problem(
                    connection, *query.prepare(connection.dialect, values),
                    index.removesuffix(' alone'),
                    may_sort=index == 'messages_request_id_idx')
                if problem:
                    problems.append((filters, problem))
        self.assertEqual([], problems[:3], f'{len(problems)} bad plans')


class TestNewDatabase(TestCase):

    # No project has messages yet.
    INTERCHANGEABLE = 'messages_project_.*'

    def test_pages_of_empty_tables_use_intended_index(self):
        self.check_pages(({'marker': samples.row()['id']},), 0)


class TestOtherProjects(TestCase):
    """Lists of a project are equally fast for any rows of other projects.

    Also while the statistics of the database don't include the other
    projects.
    """

    NUMBER = 20_000
    FREQUENT = {'resource_uuid': 'frequent', 'request_id': 'req-frequent',
                'prefix': 'VOLUME', 'message_level': 'ERROR'}

    def test_work_is_independent_of_other_projects(self):
        rows = list(self.rows('mine', lambda number: {
            'resource_uuid': f'resource-{number}',
            'request_id': f'req-{number}', 'prefix': 'SHARE'}))
        samples.insert(self.db, rows)
        self.analyze('messages')
        self.marker = rows[self.NUMBER // 2]['id']
        before = self.work()
        self.assertEqual(192, len(before))
        samples.insert(self.db, list(self.rows(
            'other', lambda number: {
                'resource_uuid': 'frequent', 'request_id': 'req-frequent'})))
        self.assertEqual({}, {
            case: (before[case], after) for case, after in self.work().items()
            # An index of twice the size may have one more level, and after
            # the page there is a row where there was none.
            if after > before[case] + 10})

    def rows(self, project, values):
        for number in range(self.NUMBER):
            # Half of the other project's rows are newer, half are older.
            age = datetime.timedelta(
                seconds=number, hours=0 if project == 'mine' or number % 2
                else 24)
            yield samples.row(samples.START - age, project_id=project,
                              message_level='ERROR', **values(number))

    def work(self):
        """Return the work of the database for each kind of list."""
        work = {}
        for names in itertools.chain.from_iterable(
                itertools.combinations(self.FREQUENT, size)
                for size in range(len(self.FREQUENT) + 1)):
            for project, marker, ascending, in itertools.product(
                    ('mine', 'empty'), (None, self.marker), (False, True)):
                for limit in (3, LIMIT) if project == 'mine' else (LIMIT,):
                    query, values = message.page_query(
                        self.db.dialect, {
                            'project_id': project,
                            **{name: self.FREQUENT[name] for name in names}},
                        marker=marker, limit=limit, ascending=ascending)
                    with self.db.reader() as connection:
                        work[names, project, marker, ascending, limit] = (
                            _WORK[self.db.dialect](connection, query, values))
        return work


class TestTwoResources(TestCase):
    """Pages of two resources, both of them with many or with few messages."""

    NUMBER = 15_000
    FREQUENT = ('A', 'a')
    RARE = ('B', 'b')

    def test_page_reads_as_much_as_those_of_each_resource(self):
        rows = [
            samples.row(
                samples.START + datetime.timedelta(seconds=number),
                project_id='mine', resource_uuid=(
                    self.RARE if number % 5000 < 2 else
                    self.FREQUENT)[number % 2])
            for number in range(self.NUMBER)]
        samples.insert(self.db, rows)
        self.analyze('messages')
        middle = rows[self.NUMBER // 2]['id']
        for names, scope, marker, ascending, query in itertools.product(
                (self.FREQUENT, self.RARE), ({'project_id': 'mine'}, {}),
                (None, middle), (False, True),
                (message.page_query, message.id_query)):
            pair, *single = (
                self.work(*query(
                    self.db.dialect, {**scope, 'resource_uuid': value},
                    marker=marker, ascending=ascending, limit=LIMIT))
                for value in (names, *names))
            # One range of both reads all messages of frequent resources, and
            # a scan of the project all messages for rare ones. The rows of
            # two pages are also copied and sorted.
            self.assertLess(pair, 5 * sum(single),
                            (names, scope, marker, ascending, query))
        served = {'project_id': 'mine', 'resource_uuid': self.FREQUENT}
        self.assertEqual((served, True), message.select_served(served))

    def work(self, query, values):
        with self.db.reader() as connection:
            return _WORK[self.db.dialect](connection, query, values)


class TestSummary(TestCase):
    """Summaries examine a bounded number of messages.

    Also where the statistics of the database are those of other projects.
    """

    NUMBER = 20_000
    #: Most messages are errors, but not those of the project.
    LEVEL = 'INFO'

    def setUp(self):
        super().setUp()
        self.fill('other', 'ERROR')
        self.fill('mine', self.LEVEL)
        self.analyze('messages')

    def fill(self, project, level):
        samples.insert(self.db, [samples.row(
            samples.START - datetime.timedelta(seconds=number),
            project_id=project, message_level=level,
            event_id='VOLUME_000001', request_id='req-frequent',
            resource_uuid='frequent') for number in range(
                self.NUMBER if project == 'mine' else 3 * self.NUMBER)])

    def test_work_is_independent_of_the_number_of_messages(self):
        for filters in (
                {}, {'message_level': 'ERROR'}, {'event_id': 'VOLUME_000009'},
                {'message_level': ('ERROR', 'WARN')},
                {'resource_uuid': 'frequent', 'message_level': 'WARN'},
                {'request_id': 'req-frequent', 'resource_type': 'SHARE'},
                {'resource_uuid': ('frequent', 'another')},
                {'project_id': None},
                {'project_id': None, 'request_id': 'req-frequent'},
                {'project_id': None, 'resource_uuid': 'frequent'},
                {'since': samples.START - datetime.timedelta(days=1),
                 'message_level': 'ERROR'},
                {'since': samples.START - datetime.timedelta(days=1),
                 'message_level': 'WARN'},
                {'before': samples.START, 'message_level': 'WARN'}):
            position = {name: filters.pop(name)
                        for name in ('since', 'before') if name in filters}
            filters = {name: value for name, value in {
                'project_id': 'mine', **filters}.items() if value is not None}
            work = examined = 0
            for _served, number, query, values in message_summary.queries(
                    self.db.dialect, filters, **position):
                examined += number
                with self.db.reader() as connection:
                    work += getattr(self, f'_{self.db.dialect}_rows')(
                        connection, query, values)
            # MariaDB also looks up the group of each.
            self.assertLessEqual(work, 2 * examined + 20, filters)

    def _sqlite_rows(self, connection, query, values):
        # Less than a hundred steps a row, most of them to group the rows.
        steps = []
        driver = connection.connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(1), 50)
        query.rows(connection.connection, connection.dialect, values)
        driver.set_progress_handler(None, 0)
        return len(steps)

    def _mysql_rows(self, connection, query, values):
        before = _rows_read(connection)
        query.rows(connection.connection, connection.dialect, values)
        return _rows_read(connection) - before

    def _postgresql_rows(self, connection, query, values):
        text, parameters = query.prepare(connection.dialect, values)
        explained, = connection.exec_driver_sql(
            f'EXPLAIN (ANALYZE, FORMAT JSON) {text}', parameters).scalar()
        nodes, rows = [explained['Plan']], 0
        while nodes:
            node = nodes.pop()
            nodes += node.get('Plans', ())
            if 'Index' in node['Node Type'] or 'Seq' in node['Node Type']:
                rows += (node['Actual Rows'] +
                         node.get('Rows Removed by Filter', 0))
        return rows


class TestSummaryOfErrors(TestSummary):
    """No message has another level."""

    LEVEL = 'ERROR'


class TestSession(TestCase):

    # The other databases have hints in the query.
    scenarios = [databases.SCENARIOS[2]]

    def test_planner_settings_of_postgresql(self):
        with self.db.reader() as connection:
            settings = {name: connection.scalar(sa.text(f'SHOW {name}'))
                        for name in ('enable_seqscan', 'enable_sort',
                                     'random_page_cost', 'statement_timeout')}
        self.assertEqual({'enable_seqscan': 'off', 'enable_sort': 'off',
                          'random_page_cost': '0',
                          'statement_timeout': '30s'}, settings)
        runtime = self.runtime(tables=False, database={
            'connection': f'{self.url}?options=-cstatement_timeout%3D7000'})
        with runtime.db.reader() as connection:
            self.assertEqual('7s', connection.scalar(
                sa.text('SHOW statement_timeout')))
            self.assertEqual('off', connection.scalar(
                sa.text('SHOW enable_seqscan')))


class TestStatementTimeout(TestCase):

    scenarios = databases.SCENARIOS[1:]

    #: Statements that take hours.
    ENDLESS = {
        'mysql': 'SELECT COUNT(*) FROM seq_1_to_1000000000000 '
                 'WHERE MD5(seq) = 0',
        'postgresql': 'SELECT COUNT(*) FROM generate_series(1, 1000000000000) '
                      'AS numbers WHERE md5(numbers::text) = $$0$$'}
    RUNNING = {
        'mysql': 'SELECT COUNT(*) FROM information_schema.processlist '
                 "WHERE info LIKE '%seq_1_to_%' AND info NOT LIKE '%info%'",
        'postgresql': 'SELECT COUNT(*) FROM pg_stat_activity WHERE '
                      "state = 'active' AND query LIKE '%numbers::text%' "
                      "AND query NOT LIKE '%pg_stat%'"}

    def test_server_ends_statement_after_client_timeout(self):
        options = {'mysql': 'read_timeout=1',
                   'postgresql': 'options=-cstatement_timeout%3D900'}
        runtime = self.runtime(tables=False, database={
            'connection_parameters': options[self.db.dialect]})

        def run():
            with runtime.db.reader() as connection:
                connection.exec_driver_sql(self.ENDLESS[self.db.dialect])

        self.assertRaises(exception.DatabaseUnavailable, run)
        with self.db.reader() as connection:
            self.assertEqual(0, connection.exec_driver_sql(
                self.RUNNING[self.db.dialect].replace('%', '%%')).scalar())

    def test_database_without_statement_timeout(self):
        if self.db.dialect == 'mysql':
            query = 'SELECT @@SESSION.max_statement_time'
            values = 27, 0
        else:
            query, values = 'SHOW statement_timeout', ('30s', '0')
        conf = self.runtime(tables=False).conf
        for no_statement_timeout, value in zip((False, True), values):
            database = engine.Database(conf, no_statement_timeout)
            self.addCleanup(database.dispose)
            with database.reader() as connection:
                self.assertEqual(value, connection.exec_driver_sql(
                    query).scalar())


class TestLargeDatabase(TestCase):

    def setUp(self):
        super().setUp()
        self.rows = list(_rows())
        samples.insert(self.db, self.rows)

    def test_plans_of_large_tables(self):
        # In one test, as it takes seconds to fill a large table.
        self.analyze('messages')
        self.check_pages_use_intended_index()
        self.check_page_reads_only_its_rows()
        self.check_other_queries_use_indexes()
        self.check_lookup_of_many_keys()

    def check_pages_use_intended_index(self):
        middle = self.rows[ROWS // 2]
        created_at = middle['created_at'].replace(tzinfo=datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        self.check_pages(({}, {'marker': middle['id']}), 0)
        self.check_pages(({'since': created_at - hour,
                           'before': created_at + hour,
                           'marker': middle['id']},), 1)

    def check_page_reads_only_its_rows(self):
        ids = [row['id'] for row in self.rows if row['project_id'] == 'huge']
        count = {'mysql': self.rows_read, 'sqlite': None,
                 'postgresql': self.rows_explained}[self.db.dialect]
        if count is None:
            # SQLite doesn't count rows. By its plan it scans the index from
            # the marker on, and the limit ends the scan.
            return
        rare = {'event_id': _VALUES['event_id'][1],
                'resource_type': _VALUES['resource_type'][1],
                'message_level': _VALUES['message_level'][1]}
        for marker in (None, ids[len(ids) // 2]):
            for filters in ({}, {'resource_uuid': 'frequent'},
                            {'request_id': 'req-frequent'}):
                self.assertLessEqual(
                    count({'project_id': 'huge', **filters}, marker),
                    LIMIT + 2)
            # One in forty rows of the huge project matches all three filters;
            # without the correlation it would be one in 64,000.
            self.assertLessEqual(
                count({'project_id': 'huge', **rare}, marker), 45 * LIMIT)

    def rows_read(self, filters, marker):
        """Return the number of rows that MariaDB reads for a page."""
        with self.db.engine().connect() as connection:
            before = _rows_read(connection)
            query, values = message.page_query(
                self.db.dialect, filters, marker=marker, limit=LIMIT)
            page = query.rows(
                connection.connection, connection.dialect, values)
            self.assertEqual(LIMIT, len(page))
            return _rows_read(connection) - before

    def rows_explained(self, filters, marker):
        """Return the number of rows that PostgreSQL reads for a page."""
        query, values = message.page_query(
            self.db.dialect, filters, marker=marker, limit=LIMIT)
        with self.db.engine().connect() as connection:
            scan = self.explain(
                connection, *query.prepare(connection.dialect, values))
        self.assertEqual(LIMIT, scan['Actual Rows'])
        return scan['Actual Rows'] + scan.get('Rows Removed by Filter', 0)

    def explain(self, connection, statement, parameters):
        """Return PostgreSQL's statistics of the scan of a simple plan."""
        explained, = connection.exec_driver_sql(
            f'EXPLAIN (ANALYZE, FORMAT JSON) {statement}', parameters).scalar()
        scan, = (plan for plan in explained['Plan']['Plans']
                 if plan['Parent Relationship'] != 'InitPlan')
        return scan

    def check_other_queries_use_indexes(self):
        keys = [{'project_id': row['project_id'], 'source_id': f's-{number}',
                 'message_id': row['id'], 'digest': '0' * 64,
                 'expires_at': row['expires_at']}
                for number, row in enumerate(self.rows)]
        samples.insert(self.db, keys, models.source_keys)
        self.analyze('source_keys')
        now = samples.START + datetime.timedelta(days=30, seconds=ROWS // 2)
        statements = []
        event.listen(self.db.engine(), 'before_cursor_execute',
                     lambda connection, cursor, statement, parameters, *_:
                     statements.append((statement, parameters)))

        new_message = message.NewMessage(
            models.MessageRow(**{
                **self.rows[-1], 'created_at': now.replace(tzinfo=None),
                'expires_at': now.replace(tzinfo=None)}),
            keys[-1]['source_id'], 'another digest')
        [result] = message.MessageList.record(self.db, [new_message])
        self.assertIsInstance(result.error, exception.SourceConflict)
        one = message.Message.from_row(new_message.row)
        for rows in (removal.expired(now), removal.expired_keys(now)):
            self.assertEqual(500, next(removal.remove(self.db, rows)))
        self.assertRaises(exception.MessageNotFound, message.Message.delete,
                          self.db, one.id, 'small-003')

        # The index of each table in the SELECT and DELETE statements, in the
        # order of the calls above.
        expected = [
            {'source_keys': 'the primary key', 'messages': 'the primary key'},
            {'messages': 'messages_expires_at_idx'},
            {'messages': 'the primary key|messages_expires_at_idx'},
            {'source_keys': 'source_keys_expires_at_idx'},
            {'source_keys': 'the primary key|source_keys_expires_at_idx'},
            {'messages': 'the primary key|messages_project_id_idx'},
            {'messages': 'the primary key|messages_project_id_idx'}]
        statements = [
            query for query in statements
            if re.match('SELECT messages|SELECT source_keys|DELETE',
                        query[0])]
        with self.db.engine().connect() as connection:
            statements.append(message.GET_IN_PROJECT.prepare(
                connection.dialect,
                {'id': one.id, 'project_id': one.project_id}))
            self.assertEqual(len(expected), len(statements))
            for (statement, parameters), tables in zip(
                    statements, expected):
                for table, indexes in tables.items():
                    problems = [
                        self.problem(connection, statement, parameters, index,
                                     table) for index in indexes.split('|')]
                    self.assertIn(None, problems, statement)
                if (statement.startswith('DELETE') and
                        self.db.dialect == 'postgresql'):
                    # The statement was executed already, so it finds no rows;
                    # it doesn't scan expired rows of later batches.
                    scan = self.explain(connection, statement, parameters)
                    self.assertEqual(0, scan['Actual Rows'])
                    self.assertEqual(0, scan.get('Rows Removed by Filter', 0))

    def check_lookup_of_many_keys(self):
        # Rows of the newer half remain after the other queries.
        source_ids = [f's-{number}' for number, row in enumerate(self.rows)
                      if row['project_id'] == 'huge'][-50:]
        # For several projects at once.
        compiled = message.stored_query([
            (project_id, source_ids) for project_id in
            ('huge', *(f'small-{number:03}' for number in range(20)))
        ]).compile(
            self.db.engine(),
            compile_kwargs={'literal_binds': True})
        with self.db.engine().connect() as connection:
            rows = connection.exec_driver_sql(str(compiled)).all()
            self.assertEqual(len(source_ids), len(rows))
            for table in ('source_keys', 'messages'):
                self.assertIsNone(self.problem(
                    connection, str(compiled), None, 'the primary key',
                    table))
            if self.db.dialect == 'postgresql':
                explained, = connection.exec_driver_sql(
                    f'EXPLAIN (ANALYZE, FORMAT JSON) {compiled}').scalar()
                scan = explained['Plan']['Plans'][0]
                self.assertEqual('source_keys_pkey', scan['Index Name'])
                self.assertEqual(0, scan.get('Rows Removed by Filter', 0))


class TestObservations(TestCase):
    """Queries of the listener and the correlator, with stale statistics.

    The tables are small most of the time, and large after an outage.
    """

    NUMBER = 20_000
    NAMES = ['image-import', 'image-upload']

    def setUp(self):
        super().setUp()
        rows = [self.observation(number) for number in range(self.NUMBER)]
        states = [self.state(number) for number in range(self.NUMBER)]
        for part in slice(10), slice(10, None):
            samples.insert(self.db, rows[part], models.observations)
            samples.insert(self.db, states[part], models.resource_states)
            if part.start is None:
                self.analyze('observations', 'resource_states')
        self.statements = []
        event.listen(self.db.engine(), 'before_cursor_execute',
                     lambda connection, cursor, statement, parameters, *_:
                     self.statements.append((statement, parameters)))

    def observation(self, number):
        time = self.time(number).replace(tzinfo=None)
        return {'ident': f'ident-{number:06}',
                'shard': number % observation.SHARDS,
                'kind': (correlation.STATE, correlation.CAUSE,
                         correlation.FAILURE)[
                             number // observation.SHARDS % 3],
                'correlation': self.NAMES[number % 2], 'rule': 'a-rule',
                'publisher_id': 'image.host', 'resource': f'r-{number}',
                'project_id': samples.PROJECT, 'observed_at': time,
                'arrived_at': time, 'expires_at': time, 'claimed': 0,
                'content': '{"status": "", "cause": null, "failure": null}'}

    def state(self, number):
        time = self.time(number).replace(tzinfo=None)
        return {'correlation': self.NAMES[1], 'publisher_id': 'image.host',
                'resource': f'r-{number:06}', 'status': '', 'since': time,
                'observed_at': time, 'expires_at': time}

    def time(self, number):
        return samples.START + datetime.timedelta(seconds=number)

    def check(self, index, work):
        """Check that the statements of a function search an index.

        :param index: pattern of its name in SQLite, MariaDB or PostgreSQL
        """
        self.statements.clear()
        work()
        statements = [item for item in self.statements if re.match(
            'SELECT|UPDATE|DELETE', item[0])]
        self.assertNotEqual([], statements)
        with self.db.engine().connect() as connection:
            for text, parameters in statements:
                rows = connection.exec_driver_sql(
                    {'sqlite': 'EXPLAIN QUERY PLAN ',
                     'mysql': 'EXPLAIN ', 'postgresql': 'EXPLAIN '}[
                         self.db.dialect] + text, parameters).all()
                accesses, sorts = getattr(
                    self, f'_{self.db.dialect}_accesses')(rows)
                self.assertNotEqual([], accesses, rows)
                for access in accesses:
                    self.assertRegex(access, f'^search .*({index})$', rows)
                self.assertFalse(sorts, rows)

    def _sqlite_accesses(self, rows):
        lines = [row[3] for row in rows]
        return ([re.sub(r'SEARCH (\w+) USING .*INDEX (\w+) .*',
                        r'search \1 by \2', line) for line in lines
                 if re.match(r'\w+ (observations|resource_states)', line)],
                any('TEMP B-TREE FOR ORDER' in line for line in lines))

    def _mysql_accesses(self, rows):
        rows = [row._mapping for row in rows]
        return ([f'{row["type"] if row["type"] in ("ALL", "index") else ""}'
                 f'search {row["table"]} by {row["key"]}' for row in rows
                 if row['table'] in ('observations', 'resource_states')],
                any('filesort' in (row['Extra'] or '') for row in rows))

    def _postgresql_accesses(self, rows):
        lines = [row[0].strip() for row in rows]
        accesses = []
        for line, following in zip(lines, lines[1:] + ['']):
            scan = re.search(r'Scan (?:Backward )?(?:using )?(\w+)', line)
            if scan and not line.startswith('SubPlan'):
                accesses.append(
                    ('search' if following.startswith('Index Cond') else
                     'scan') + f' by {scan.group(1)}')
        # An incremental sort has only rows of one time to sort.
        return accesses, any(re.match(r'(-> *)?Sort  \(', line)
                             for line in lines)

    def test_queries_search_an_index(self):
        observed = 'observations_correlator_idx'
        arrived = 'observations_arrived_at_idx'
        key = 'PRIMARY|_pkey|sqlite_autoindex_observations_1'
        state_key = 'PRIMARY|_pkey|sqlite_autoindex_resource_states_1'
        later = self.time(self.NUMBER)
        self.check(arrived, lambda: self.assertEqual(
            list(range(observation.SHARDS)), observation.due_shards(
                self.db, self.time(200), self.time(0), self.NAMES)))
        self.check(arrived, lambda: self.assertEqual([], (
            observation.due_shards(
                self.db, self.time(-1), self.time(-1), self.NAMES))))
        self.check(observed, lambda: self.assertEqual(
            100, len(observation.undecided(self.db, 3, self.NAMES, 100))))
        self.check(observed, lambda: self.assertEqual(
            1, len(observation.causes(self.db, 3, self.NAMES, self.time(
                35), self.time(36)))))
        self.check(observed, lambda: observation.causes(
            self.db, 3, self.NAMES, self.time(0), later))
        for observed_before in None, self.time(50):
            self.check(arrived, lambda: self.assertEqual(
                ['ident-000035'], observation.removable_causes(
                    self.db, 3, self.time(100), observed_before)))
        keys = {correlation.StateKey(
            self.NAMES[1], 'image.host', f'r-{number:06}'):
            correlation.State('', later, later) for number in range(100)}
        self.check(state_key, lambda: self.assertEqual(
            100, len(resource_state.read(self.db, keys))))
        self.check(state_key, lambda: self.db.write(
            lambda connection: resource_state.replace(
                connection, keys, later, lambda key, state: True)))
        idents = [f'ident-{number:06}' for number in range(600)]
        for change in observation.claim, observation.delete:
            self.check(key, lambda: self.db.write(
                lambda connection: change(connection, idents)))
        for rows in (removal.expired_observations(later),
                     removal.expired_resource_states(later)):
            self.check(f'{key}|{state_key}|{rows.index}', lambda: (
                self.assertEqual(500, next(removal.remove(self.db, rows)))))
