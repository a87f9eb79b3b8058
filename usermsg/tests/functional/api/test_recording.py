# SPDX-License-Identifier: Apache-2.0
"""Tests of recording over HTTP, on every database."""

import concurrent.futures
import contextlib
import dataclasses
import http.client
import itertools
import json
import random
import threading
import time

import sqlalchemy as sa

from usermsg.api import app
from usermsg.api import schemas
from usermsg import config
from usermsg.db import models
from usermsg import rate_limit
from usermsg.tests import base
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

SERVICE = {**http_client.build_headers('services', 'service'),
           'Content-Type': 'application/json'}
MODULE = 'usermsg.wsgi.api:application'


def entry(source_id=None, project_id='red', **values):
    return {'project_id': project_id, 'event_id': 'VOLUME_000002',
            'source_id': source_id, **values}


def batch(keys, **values):
    return {'messages': [entry(key, **values) for key in keys]}


def run_concurrently(count, call, arguments):
    """Call a function in threads that start at the same time.

    The threads take the arguments from one queue.

    :param count: number of threads
    :returns: the results, in the order of the arguments
    """
    barrier = threading.Barrier(count)
    waiting = iter(list(enumerate(arguments)))
    lock = threading.Lock()
    results = {}

    def work(_number):
        barrier.wait(60)
        while True:
            with lock:
                number, argument = next(waiting, (None, None))
            if number is None:
                return
            results[number] = call(argument)

    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        list(threads.map(work, range(count)))
    return [results[number] for number in range(len(results))]


class TestCase(databases.TestCase):

    busy_timeout = 30

    def setUp(self):
        super().setUp()
        self.service = self.runtime(api=base.EXPOSED)
        self.app = app.make_app(self.service)

    def post(self, content):
        """Record messages; return status and content of the response."""
        response = http_client.request(
            self.app, '/v3/messages', 'POST', SERVICE,
            json.dumps(content).encode())
        return response.status_int, response.json

    def stored(self):
        return samples.stored(self.service.db)

    def keys(self):
        return {row['source_id']: row['message_id'] for row in
                samples.stored(self.service.db, models.source_keys)}


class TestBatches(TestCase):

    def assert_refused(self, expected_status, content, *texts):
        before = self.stored(), self.keys()
        status, response = self.post(content)
        self.assertEqual(expected_status, status, response)
        for text in texts:
            self.assertIn(text, response['error']['message'])
        self.assertEqual(before, (self.stored(), self.keys()))

    def test_invalid_entry_is_named_and_batch_is_not_stored(self):
        for count in (1, 2, 5):
            for place in range(count):
                for name, value in (('event_id', 'VOLUME_999999'),
                                    ('project_id', 'x' * 65),
                                    ('source_id', 'notification:1'),
                                    ('resource_uuid', 'caf\xe9'),
                                    ('colour', 'red')):
                    content = batch(map(str, range(count)))
                    content['messages'][place][name] = value
                    self.assert_refused(400, content,
                                        f'messages[{place}].{name}: ')

    def test_conflicting_entry_does_not_prevent_the_others(self):
        self.assertEqual(201, self.post({'message': entry('taken')})[0])
        _status, deleted = self.post({'message': entry('deleted')})
        http_client.request(
            self.app, f'/v3/messages/{deleted["message"]["id"]}', 'DELETE',
            http_client.build_headers('red', 'member'))
        for place in range(4):
            for key, conflict in (('taken', 409), ('deleted', 410)):
                # One message without a key, two with new keys.
                content = batch([None, f'{key} {place}', f'b {key} {place}'])
                content['messages'].insert(place, entry(
                    key,
                    message_level='ERROR' if key == 'deleted' else 'INFO'))
                before = len(self.stored()), len(self.keys())
                status, response = self.post(content)
                self.assertEqual(201, status, response)
                expected = [201] * 3
                expected.insert(place, conflict)
                self.assertEqual(expected, [
                    result['status'] for result in response['messages']])
                error = response['messages'][place]['error']
                self.assertEqual(conflict, error['status'])
                self.assertIn(f'messages[{place}].source_id: ',
                              error['detail'])
                self.assertEqual((before[0] + 3, before[1] + 2),
                                 (len(self.stored()), len(self.keys())))

    def test_largest_batch_is_listed_in_order(self):
        content = {'messages': [
            entry(f'key {number}', resource_uuid=str(number))
            for number in range(schemas.MAX_BATCH)]}
        status, response = self.post(content)
        self.assertEqual(201, status)
        numbers = [str(number) for number in range(schemas.MAX_BATCH)]
        self.assertEqual(numbers, [message['resource_uuid']
                                   for message in response['messages']])
        self.assertEqual({201}, {message['status']
                                 for message in response['messages']})
        self.assertEqual(numbers, [row['resource_uuid']
                                   for row in self.stored()])
        listed_messages = http_client.request(
            self.app, '/v3/messages',
            headers=http_client.build_headers('red', 'reader')
        ).json['messages']
        for message in response['messages']:
            del message['status']
        self.assertEqual(
            [{**message, 'unread': True} for message in response['messages']],
            listed_messages[::-1])
        self.assertEqual(schemas.MAX_BATCH, len(self.keys()))

        repeated_status, repeated = self.post(content)
        self.assertEqual(200, repeated_status)
        self.assertEqual({200}, {message.pop('status')
                                 for message in repeated['messages']})
        self.assertEqual(response, repeated)
        self.assertEqual(schemas.MAX_BATCH, len(self.stored()))

    def test_batch_may_contain_recorded_messages(self):
        for count, recorded in enumerate(
                itertools.product((False, True), repeat=3)):
            keys = [f'{count} {number}' for number in range(3)]
            first = {key: self.post({'message': entry(key)})[1]['message']
                     for key, is_recorded in zip(keys, recorded)
                     if is_recorded}
            status, response = self.post(batch(keys))
            self.assertEqual(200 if all(recorded) else 201, status)
            self.assertEqual(
                [200 if is_recorded else 201 for is_recorded in recorded],
                [message.pop('status') for message in response['messages']])
            for key, message in zip(keys, response['messages']):
                self.assertEqual(first.get(key, message), message)
                self.assertEqual(self.keys()[key], message['id'])
        self.assertEqual(24, len(self.stored()))

    def test_repeated_messages_are_counted_once(self):
        self.post(batch(['a', 'b', 'b', None]))
        self.post(batch(['a', 'c']))
        self.post({'message': entry('c')})
        self.assertEqual(4, samples.counted(self.service, 'recorded'))

    def test_source_key_outlives_its_expired_message(self):
        _status, response = self.post({'message': entry('key')})
        with self.service.db.engine().begin() as connection:
            connection.execute(sa.delete(models.messages))
        status, _response = self.post({'message': entry('key')})
        self.assertEqual(410, status)
        with self.service.db.engine().begin() as connection:
            connection.execute(sa.delete(models.source_keys))
        status, second_response = self.post({'message': entry('key')})
        self.assertEqual(201, status)
        self.assertNotEqual(response['message']['id'],
                            second_response['message']['id'])


class ConcurrencyMixin:
    """Assertions about the responses of concurrent requests."""

    def assert_once(self, keys, responses):
        """Check that all requests succeeded, and that each key has one id."""
        self.assertEqual([], [response for response in responses
                              if response[0] not in (200, 201)])
        stored = self.stored()
        self.assertEqual(len(keys), len(stored))
        by_key = self.keys()
        self.assertEqual(set(keys), set(by_key))
        self.assertEqual({row['id'] for row in stored}, set(by_key.values()))
        return by_key


class TestRateLimit(TestCase):

    def test_batch_larger_than_the_burst_is_invalid(self):
        self.service = self.runtime(api=base.EXPOSED, messages={
            'record_burst': schemas.MAX_BATCH})
        self.app = app.make_app(self.service)
        content = batch([None] * (schemas.MAX_BATCH + 100))
        self.assertEqual(400, self.post(content)[0])
        self.assertEqual(0, samples.counted(self.service, 'rate_limited'))

    def test_refused_request_does_not_use_the_database(self):
        self.service = self.runtime(api=base.EXPOSED, messages={
            'record_rate': 0.001, 'record_burst': schemas.MAX_BATCH})
        self.app = app.make_app(self.service)
        content = batch([None] * schemas.MAX_BATCH)
        self.assertEqual(201, self.post(content)[0])
        statements = []
        sa.event.listen(
            self.service.db.engine(), 'before_cursor_execute',
            lambda connection, cursor, statement, *_:
            statements.append(statement))
        for content in (content, {'message': entry('a key')}):
            self.assertEqual(429, self.post(content)[0])
        self.assertEqual([], statements)
        self.assertEqual(
            schemas.MAX_BATCH + 1, samples.counted(
                self.service, 'rate_limited'))
        self.assertEqual(schemas.MAX_BATCH, len(self.stored()))

    def limited_app(self, clock=time.monotonic, **options):
        self.service = self.runtime(api=base.EXPOSED, messages=options)
        self.service = dataclasses.replace(
            self.service, rate_limit=rate_limit.RateLimit(
                self.service.conf.messages, self.service.metrics, clock))
        self.app = app.make_app(self.service)

    def test_repeated_batches_use_no_tokens(self):
        self.limited_app(record_rate=0.001, record_burst=schemas.MAX_BATCH)
        keys = [f'key {number}' for number in range(10)]
        self.assertEqual(201, self.post(batch(keys))[0])
        for _ in range(schemas.MAX_BATCH // 10):
            self.assertEqual(200, self.post(batch(keys))[0])
        self.assertEqual(201, self.post(
            batch([None] * (schemas.MAX_BATCH - 10)))[0])
        self.assertEqual(429, self.post(batch(keys))[0])

    def test_refused_requests_are_refused_unread_after_a_while(self):
        self.limited_app(
            record_rate=0.001, record_burst=schemas.MAX_BATCH,
            record_rate_per_caller=0.001,
            record_burst_per_caller=schemas.MAX_BATCH + 10)
        content = batch([None] * schemas.MAX_BATCH)
        self.assertEqual(201, self.post(content)[0])
        for _ in range(100):
            status, response = self.post(content)
            self.assertEqual(429, status)
            if 'all projects' in str(response):
                break
        else:
            self.fail('the requests are read again and again')
        # The body is not even parsed.
        self.assertEqual(429, http_client.request(
            self.app, '/v3/messages', 'POST', SERVICE, b'{').status_int)
        self.assertEqual(2, self.service.metrics.registry.get_sample_value(
            'usermsg_messages_rate_limited_total',
            {'interface': 'http', 'limit': 'caller'}))

    def test_obedient_client_is_accepted(self):
        now = 0
        self.limited_app(
            clock=lambda: now, record_rate=0, record_rate_per_caller=500,
            record_burst_per_caller=schemas.MAX_BATCH)
        # Reading a large request costs many tokens.
        content = batch([None] * schemas.MAX_BATCH)
        for message in content['messages']:
            message['resource_uuid'] = 'x' * 250
        self.assertEqual(201, self.post(content)[0])
        for _ in range(5):
            # The first request is refused unread: its time is for a message.
            statuses = []
            while 201 not in statuses and len(statuses) < 3:
                response = http_client.request(
                    self.app, '/v3/messages', 'POST', SERVICE,
                    json.dumps(content).encode())
                statuses.append(response.status_int)
                now += int(response.headers.get('Retry-After', 0))
            self.assertEqual([429, 429, 201], statuses)

    def test_escaped_project_ids_are_limited(self):
        self.limited_app(record_rate=0.001, record_burst=schemas.MAX_BATCH)
        content = json.dumps(batch([None] * schemas.MAX_BATCH))
        data = content.replace('project_id', 'project\\u005fid').encode()
        self.assertEqual([201, 429], [http_client.request(
            self.app, '/v3/messages', 'POST', SERVICE, data).status_int
            for _ in range(2)])


class TestConcurrency(ConcurrencyMixin, TestCase):

    def test_1000_creates_with_100_keys_are_100_messages(self):
        keys = [f'key {number % 100}' for number in range(1000)]
        responses = run_concurrently(
            32, lambda key: self.post({'message': entry(key)}), keys)
        by_key = self.assert_once(set(keys), responses)
        self.assertEqual(
            [by_key[key] for key in keys],
            [response['message']['id'] for _, response in responses])
        self.assertEqual(100, sum(status == 201 for status, _ in responses))
        self.assertEqual(100, samples.counted(self.service, 'recorded'))

    def assert_batches(self, threads, batches):
        responses = run_concurrently(
            threads, lambda keys: self.post(batch(keys)), batches)
        by_key = self.assert_once(set(sum(batches, [])), responses)
        new = 0
        for keys, (status, response) in zip(batches, responses):
            self.assertEqual(
                [by_key[key] for key in keys],
                [message['id'] for message in response['messages']])
            statuses = [message['status'] for message in response['messages']]
            self.assertEqual(max(statuses), status)
            new += statuses.count(201)
        self.assertEqual(len(by_key), new)

    def test_batches_in_opposite_order_store_each_message_once(self):
        keys = [f'key {number}' for number in range(60)]
        self.assert_batches(8, [keys, keys[::-1]] * 8)

    def test_overlapping_batches_store_each_message_once(self):
        generator = random.Random(1)
        keys = [f'key {number}' for number in range(120)]
        batches = [generator.sample(keys, 40) for _ in range(40)]
        self.assert_batches(8, batches)

    def test_batches_and_single_messages_store_each_message_once(self):
        keys = [f'key {number}' for number in range(200)]
        generator = random.Random(2)
        shuffled = [generator.sample(keys, len(keys)) for _ in range(4)]
        singles = [[key] for key in sum(map(list, zip(*shuffled)), [])]
        batches = [keys, keys[::-1], *singles]
        self.assert_batches(8, batches)

    def test_deleted_messages_are_not_recorded_again(self):
        member = http_client.build_headers('red', 'member')

        def work(key):
            status, response = self.post({'message': entry(key)})
            if status in (200, 201):
                deleted = http_client.request(
                    self.app, f'/v3/messages/{response["message"]["id"]}',
                    'DELETE', member).status_int
                return status, deleted
            return status, None

        responses = run_concurrently(
            8, work, [f'key {number % 5}' for number in range(100)])
        self.assertEqual(set(), set(responses) - {
            (201, 204), (201, 404), (200, 204), (200, 404), (410, None)})
        self.assertEqual(5, sum(deleted == 204 for _, deleted in responses))
        self.assertEqual([], self.stored())


class TestServer(ConcurrencyMixin, TestCase):
    """Concurrency tests with a server of several processes and threads."""

    def setUp(self):
        super().setUp()
        self.server = servers.require(lambda: servers.Uwsgi(
            MODULE, {config.CONFIG_FILES_VARIABLE:
                     str(self.home / 'usermsg.conf')},
            ('--processes', '3', '--threads', '4', '--listen', '100')))
        self.addCleanup(self.server.stop)

    def post(self, content):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=120)
        with contextlib.closing(connection):
            connection.request('POST', '/v3/messages', json.dumps(content),
                               SERVICE)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def test_1000_creates_with_100_keys_are_100_messages(self):
        keys = [f'key {number % 100}' for number in range(1000)]
        responses = run_concurrently(
            24, lambda key: self.post({'message': entry(key)}), keys)
        by_key = self.assert_once(set(keys), responses)
        self.assertEqual(
            [by_key[key] for key in keys],
            [response['message']['id'] for _, response in responses])
        self.assertEqual(100, sum(status == 201 for status, _ in responses))
        self.assertNotIn('Traceback', self.server.log())

    def test_batches_in_opposite_order_store_each_message_once(self):
        keys = [f'key {number}' for number in range(100)]
        responses = run_concurrently(
            12, lambda keys: self.post(batch(keys)), [keys, keys[::-1]] * 12)
        self.assert_once(keys, responses)
        self.assertEqual(100, sum(
            message['status'] == 201 for _, response in responses
            for message in response['messages']))
