# SPDX-License-Identifier: Apache-2.0
"""Recording over HTTP, on every database."""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import random
import threading

import sqlalchemy as sa

from usermsg.api import app
from usermsg.api import schemas
from usermsg import config
from usermsg.db import models
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


def at_once(count, call, arguments):
    """The results of calls in threads that begin at the same moment.

    The threads share the arguments, as clients' connections would.
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
        """(status, content) of an answer."""
        answer = http_client.request(self.app, '/v3/messages', 'POST', SERVICE,
                                     json.dumps(content).encode())
        return answer.status_int, answer.json

    def stored(self):
        return samples.stored(self.service.db)

    def keys(self):
        return {row['source_id']: row['message_id'] for row in
                samples.stored(self.service.db, models.source_keys)}


class TestBatches(TestCase):

    def assert_refused(self, status, content, *words):
        before = self.stored(), self.keys()
        found, answer = self.post(content)
        self.assertEqual(status, found, answer)
        for word in words:
            self.assertIn(word, answer['error']['message'])
        self.assertEqual(before, (self.stored(), self.keys()))

    def test_a_bad_entry_anywhere_is_named_and_nothing_is_stored(self):
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

    def test_beside_a_collision_anywhere_the_others_are_stored(self):
        self.assertEqual(201, self.post({'message': entry('taken')})[0])
        _status, gone = self.post({'message': entry('gone')})
        http_client.request(
            self.app, f'/v3/messages/{gone["message"]["id"]}', 'DELETE',
            http_client.build_headers('red', 'member'))
        for place in range(4):
            for key, status in (('taken', 409), ('gone', 410)):
                # One without a key, two with a new one.
                content = batch([None, f'{key} {place}', f'b {key} {place}'])
                content['messages'].insert(place, entry(
                    key, message_level='ERROR' if key == 'gone' else 'INFO'))
                before = len(self.stored()), len(self.keys())
                found, answer = self.post(content)
                self.assertEqual(201, found, answer)
                expected = [201] * 3
                expected.insert(place, status)
                self.assertEqual(expected, [
                    one['status'] for one in answer['messages']])
                error = answer['messages'][place]['error']
                self.assertEqual(status, error['status'])
                self.assertIn(f'messages[{place}].source_id: ',
                              error['detail'])
                self.assertEqual((before[0] + 3, before[1] + 2),
                                 (len(self.stored()), len(self.keys())))

    def test_the_largest_batch_is_stored_and_listed_in_its_order(self):
        content = {'messages': [
            entry(f'key {number}', resource_uuid=str(number))
            for number in range(schemas.MAX_BATCH)]}
        status, answer = self.post(content)
        self.assertEqual(201, status)
        numbers = [str(number) for number in range(schemas.MAX_BATCH)]
        self.assertEqual(numbers, [one['resource_uuid']
                                   for one in answer['messages']])
        self.assertEqual({201}, {one['status']
                                 for one in answer['messages']})
        self.assertEqual(numbers, [row['resource_uuid']
                                   for row in self.stored()])
        listed = http_client.request(
            self.app, '/v3/messages?sort=created_at:asc',
            headers=http_client.build_headers('red', 'reader')
        ).json['messages']
        for one in answer['messages']:
            del one['status']
        self.assertEqual(answer['messages'], listed)
        self.assertEqual(schemas.MAX_BATCH, len(self.keys()))

        again, repeated = self.post(content)
        self.assertEqual(200, again)
        self.assertEqual({200}, {one.pop('status')
                                 for one in repeated['messages']})
        self.assertEqual(answer, repeated)
        self.assertEqual(schemas.MAX_BATCH, len(self.stored()))

    def test_any_part_of_it_may_have_been_recorded_before(self):
        for count, known in enumerate(itertools.product((0, 1), repeat=3)):
            keys = [f'{count} {number}' for number in range(3)]
            first = {key: self.post({'message': entry(key)})[1]['message']
                     for key, was in zip(keys, known) if was}
            status, answer = self.post(batch(keys))
            self.assertEqual(200 if all(known) else 201, status)
            self.assertEqual(
                [200 if was else 201 for was in known],
                [one.pop('status') for one in answer['messages']])
            for key, one in zip(keys, answer['messages']):
                self.assertEqual(first.get(key, one), one)
                self.assertEqual(self.keys()[key], one['id'])
        self.assertEqual(24, len(self.stored()))

    def test_what_was_recorded_is_counted_once(self):
        self.post(batch(['a', 'b', 'b', None]))
        self.post(batch(['a', 'c']))
        self.post({'message': entry('c')})
        self.assertEqual(4, samples.counted(self.service, 'recorded'))

    def test_a_key_is_not_forgotten_with_its_expired_message(self):
        _status, answer = self.post({'message': entry('key')})
        with self.service.db.engine().begin() as connection:
            connection.execute(sa.delete(models.messages))
        status, _answer = self.post({'message': entry('key')})
        self.assertEqual(410, status)
        with self.service.db.engine().begin() as connection:
            connection.execute(sa.delete(models.source_keys))
        status, again = self.post({'message': entry('key')})
        self.assertEqual(201, status)
        self.assertNotEqual(answer['message']['id'], again['message']['id'])


class Claims:
    """What must hold of many answers, whoever gave them."""

    def assert_once(self, keys, answers):
        """Each (status, content) is good, and each key has one id."""
        self.assertEqual([], [answer for answer in answers
                              if answer[0] not in (200, 201)])
        stored = self.stored()
        self.assertEqual(len(keys), len(stored))
        by_key = self.keys()
        self.assertEqual(set(keys), set(by_key))
        self.assertEqual({row['id'] for row in stored}, set(by_key.values()))
        return by_key


class TestConcurrency(Claims, TestCase):

    def test_1000_creates_with_100_keys_are_100_messages(self):
        keys = [f'key {number % 100}' for number in range(1000)]
        answers = at_once(32, lambda key: self.post({'message': entry(key)}),
                          keys)
        by_key = self.assert_once(set(keys), answers)
        self.assertEqual([by_key[key] for key in keys],
                         [answer['message']['id'] for _, answer in answers])
        self.assertEqual(100, sum(status == 201 for status, _ in answers))
        self.assertEqual(100, samples.counted(self.service, 'recorded'))

    def assert_batches(self, threads, batches):
        answers = at_once(threads, lambda keys: self.post(batch(keys)),
                          batches)
        by_key = self.assert_once(set(sum(batches, [])), answers)
        new = 0
        for keys, (status, answer) in zip(batches, answers):
            self.assertEqual([by_key[key] for key in keys],
                             [one['id'] for one in answer['messages']])
            statuses = [one['status'] for one in answer['messages']]
            self.assertEqual(max(statuses), status)
            new += statuses.count(201)
        self.assertEqual(len(by_key), new)

    def test_batches_in_opposite_order(self):
        keys = [f'key {number}' for number in range(60)]
        self.assert_batches(8, [keys, keys[::-1]] * 8)

    def test_batches_that_overlap_in_any_order(self):
        chance = random.Random(1)
        keys = [f'key {number}' for number in range(120)]
        batches = [chance.sample(keys, 40) for _ in range(40)]
        self.assert_batches(8, batches)

    def test_a_batch_of_what_others_record_one_by_one(self):
        keys = [f'key {number}' for number in range(200)]
        chance = random.Random(2)
        shuffled = [chance.sample(keys, len(keys)) for _ in range(4)]
        singles = [[key] for key in sum(map(list, zip(*shuffled)), [])]
        batches = [keys, keys[::-1], *singles]
        self.assert_batches(8, batches)

    def test_a_message_that_is_deleted_meanwhile(self):
        member = http_client.build_headers('red', 'member')

        def work(key):
            status, answer = self.post({'message': entry(key)})
            if status in (200, 201):
                deleted = http_client.request(
                    self.app, f'/v3/messages/{answer["message"]["id"]}',
                    'DELETE', member).status_int
                return status, deleted
            return status, None

        answers = at_once(8, work, [f'key {number % 5}'
                                    for number in range(100)])
        self.assertEqual(set(), set(answers) - {
            (201, 204), (201, 404), (200, 204), (200, 404), (410, None)})
        self.assertEqual(5, sum(deleted == 204 for _, deleted in answers))
        self.assertEqual([], self.stored())


class TestServer(Claims, TestCase):
    """Several processes, each with threads."""

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
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def test_1000_creates_with_100_keys_are_100_messages(self):
        keys = [f'key {number % 100}' for number in range(1000)]
        answers = at_once(24, lambda key: self.post({'message': entry(key)}),
                          keys)
        by_key = self.assert_once(set(keys), answers)
        self.assertEqual([by_key[key] for key in keys],
                         [answer['message']['id'] for _, answer in answers])
        self.assertEqual(100, sum(status == 201 for status, _ in answers))
        self.assertNotIn('Traceback', self.server.log())

    def test_batches_in_opposite_order(self):
        keys = [f'key {number}' for number in range(100)]
        answers = at_once(12, lambda keys: self.post(batch(keys)),
                          [keys, keys[::-1]] * 12)
        self.assert_once(keys, answers)
        self.assertEqual(100, sum(
            one['status'] == 201 for _, answer in answers
            for one in answer['messages']))
