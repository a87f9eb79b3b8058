# SPDX-License-Identifier: Apache-2.0
"""From Keystone's notifications to the removal of all rows of a project."""

import datetime
import json
import threading

from usermsg.db import models
from usermsg.listener import assembly
from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import expiry
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import recorded_notifications
from usermsg.tests.fixtures import samples
from usermsg.tests.functional.listener import test_consumer
from usermsg.worker import reaper

PROJECT = '5361fd4afce54d398251968d06f60236'
USER = '3eeac0bf31404182af97113d56cf44d9'


class TestCase(test_consumer.ListenerMixin, databases.TestCase):

    def prepare(self, trusted='true', forget='true', max_age=366 * 86400):
        super().prepare(
            listener={'forget': forget, 'max_age': max_age},
            transport={'trusted': trusted, 'exchanges': 'keystone'},
            reaper={'batch_delay': 0},
            notifications={'driver': 'logging'})
        self.reaper = reaper.Reaper(self.usermsg)
        self.declare('keystone')
        later = datetime.datetime.now(datetime.timezone.utc) + expiry.DAY
        samples.insert(self.db, [
            row for project in (PROJECT, samples.PROJECT)
            for row in expiry.rows(600, expiry.SECOND, project_id=project,
                                   user_id=USER)])
        samples.insert(self.db, [
            expiry.key('a key', later, project)
            for project in (PROJECT, samples.PROJECT)], models.source_keys)
        samples.insert(self.db, [
            expiry.observation(f'{project}-{number}', project)
            for project in (PROJECT, samples.PROJECT, None)
            for number in range(600)], models.observations)
        files = assembly.read_files(self.usermsg)
        [consumer] = assembly.Listener(
            self.usermsg, files.rules).build_consumers(files.sources)
        stop = threading.Event()
        thread = threading.Thread(target=consumer.run, args=(stop,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        self.wait_for_queue('keystone')

    def notify(self, event_type, is_cadf=True, **values):
        """Publish what Keystone has sent, as it is on the wire.

        :param is_cadf: False for the format "basic"
        """
        lines = (recorded_notifications.DIRECTORY / 'keystone.jsonl')
        for line in lines.read_text().splitlines():
            content = json.loads(json.loads(
                json.loads(line)['body'])['oslo.message'])
            if content['event_type'] == event_type:
                break
        if not is_cadf:
            content['payload'] = {
                'resource_info': content['payload']['resource_info']}
        self.publish(json.dumps({
            'oslo.version': '2.0',
            'oslo.message': json.dumps({**content, **values})}),
            exchange='keystone', key='notifications.info')
        listening.wait_for(lambda: self.count('received'))
        self.wait_until_acknowledged()

    def reap(self):
        return self.reaper.reap(threading.Event())['forgotten']

    def projects(self, table):
        return {row['project_id'] for row in samples.stored(self.db, table)}


class TestForget(TestCase):

    def assert_project_removed(self):
        self.assertEqual(1201, self.reap())
        for table in (models.messages, models.source_keys):
            self.assertEqual({samples.PROJECT}, self.projects(table))
        self.assertEqual({samples.PROJECT, None},
                         self.projects(models.observations))
        self.assertEqual(
            1200, len(samples.stored(self.db, models.observations)))
        entries = samples.stored(self.db, models.outbox)
        self.assertEqual(['message.delete'] * 600, [
            entry['event_type'] for entry in entries])
        for entry in entries:
            self.assertIn(PROJECT, entry['content'])

    def test_deleted_project_in_cadf_loses_all_rows(self):
        self.prepare()
        self.notify('identity.project.updated')
        self.assertEqual(0, self.reap())
        self.notify('identity.project.deleted')
        self.assert_project_removed()

    def test_old_deletion_in_basic_format_has_its_effect(self):
        self.prepare(max_age=60)
        self.notify('identity.project.deleted', is_cadf=False)
        self.assert_project_removed()
        self.assertEqual(0, self.count('ignored'))

    def test_deleted_user_is_removed_from_messages(self):
        self.prepare()
        self.notify('identity.user.deleted')
        self.assertEqual(1200, self.reap())
        messages = samples.stored(self.db)
        self.assertEqual(1200, len(messages))
        self.assertEqual({None}, {row['user_id'] for row in messages})


class TestIgnored(TestCase):

    scenarios = databases.SCENARIOS[:1]

    def assert_nothing_removed(self):
        for event_type in ('identity.project.deleted',
                           'identity.user.deleted'):
            self.notify(event_type)
            self.notify(event_type, is_cadf=False)
        self.assertEqual(0, self.reap())
        self.assertEqual(4, self.count('ignored'))
        self.assertEqual(
            [], samples.stored(self.db, models.forget_requests))
        self.assertEqual({USER}, {
            row['user_id'] for row in samples.stored(self.db)})

    def test_untrusted_transport_removes_no_rows(self):
        self.prepare(trusted='false')
        self.assert_nothing_removed()

    def test_disabled_option_keeps_all_rows(self):
        self.prepare(forget='false')
        self.assert_nothing_removed()
