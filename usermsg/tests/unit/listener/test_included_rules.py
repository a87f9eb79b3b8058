# SPDX-License-Identifier: Apache-2.0
"""Decisions of the included rules about notifications that services made."""

import dataclasses
import datetime
import itertools
import json
import re

from usermsg.catalogue import loader
from usermsg.listener import decisions
from usermsg.listener import notification
from usermsg.tests import base
from usermsg.tests.fixtures import recorded_notifications as recorded

#: Words of the texts that the notifications contain and no user may see.
FORBIDDEN = ('Traceback', 'secret_driver', 'hunter2', 'OSError', 'Errno',
             'script', '10.20.30.40', 'rabbit://', '/var/lib', '/opt/')

#: Operations of Trove's notifications, of which a few are recorded.
TROVE_OPERATIONS = (
    'instance_create', 'instance_delete', 'instance_restart',
    'instance_reboot', 'instance_resize_volume', 'instance_resize_instance',
    'instance_promote', 'instance_eject', 'instance_detach',
    'instance_reset_status', 'instance_attach_configuration',
    'instance_detach_configuration', 'upgrade', 'migrate', 'database_create',
    'database_delete', 'user_create', 'user_delete', 'user_update_attributes',
    'user_grant', 'user_revoke', 'user_change_password', 'cluster_create',
    'cluster_delete', 'cluster_restart', 'cluster_upgrade',
    'cluster_reset_status', 'cluster_add_shard', 'cluster_grow',
    'cluster_shrink', 'cluster_attach_configuration',
    'cluster_detach_configuration', 'backup_create', 'backup_delete',
    'configuration_create', 'configuration_delete', 'configuration_update',
    'configuration_edit')

NOVA_REPORTS = ('compute.instance.create.error', 'instance.create.error',
                'compute_task.build_instances',
                'compute_task.build_instances.error')


IMAGE = 'a281631a-a6aa-4b8e-9ecf-21e7940c5cdd'

#: Properties of an image during an import, and after it failed.
IMPORT = {'os_glance_import_task': 'a-task',
          'os_glance_importing_to_stores': 'a',
          'os_glance_failed_import': ''}
FAILED = {**IMPORT, 'os_glance_importing_to_stores': '',
          'os_glance_failed_import': 'a'}

#: Texts of exceptions of Glance 33, its libraries and WSGI servers.
UPLOAD_ERRORS = (
    ('Configuration for store failed. Adding images to this store is '
     'disabled.', 'STORE_READ_ONLY'),
    ("[Errno 30] Read-only file system: '/srv/images/x'", 'STORE_READ_ONLY'),
    (f'Image /srv/images/{IMAGE} already exists', 'ALREADY_IN_STORE'),
    ('error during read(65536) on wsgi.input', 'TRANSFER_INTERRUPTED'),
    ('timeout during read(65536) on wsgi.input', 'TRANSFER_INTERRUPTED'),
    ('Apache/mod_wsgi request data read error: Partial results are valid but '
     'processing incomplete.', 'TRANSFER_INTERRUPTED'),
    ('The client disconnected while sending the body (65536 more bytes were '
     'expected)', 'TRANSFER_INTERRUPTED'),
    ('Image disk_format qcow2 does not match stream data raw',
     'FORMAT_MISMATCH'),
    ("Content does not match expected format 'qcow2'", 'FORMAT_MISMATCH'),
    ('Multiple formats detected: iso,qcow2', 'FORMAT_MISMATCH'),
    ('Image failed safety checks', 'UNSAFE_CONTENT'),
    ('Signature verification for the image failed: Unable to retrieve '
     f'certificate with ID: {IMAGE}.', 'SIGNING_CERTIFICATE_UNUSABLE'),
    ('Signature verification for the image failed: Invalid signature hash '
     'method: MD5.', 'SIGNATURE_VERIFICATION_FAILED'),
    ('Signature verification failed', 'SIGNATURE_VERIFICATION_FAILED'),
    ('The image data of x already exists in y', 'INTERNAL_ERROR'))


class RecordedTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.rules = recorded.load_rules()

    def decide(self, **values):
        """Return the only decision about a notification.

        :param values: attributes of the notification
        """
        decided, = self.decide_all(**values)
        return decided

    def decide_all(self, **values):
        """Return all decisions about a notification."""
        return self.rules.evaluate(notification.Notification(**{
            'message_id': 'b0f2d4f0-2f53-4b8e-a7d8-2d0a6b3d7c11',
            'publisher_id': 'service.host', 'priority': 'ERROR',
            'timestamp': recorded.NOW - datetime.timedelta(days=1),
            'payload': {}, 'context': {}, **values}), recorded.NOW)

    def test_recorded_notifications_give_the_expected_messages(self):
        self.assertEqual(11, len(recorded.SERVICES))
        for service in recorded.SERVICES:
            self.assertEqual(recorded.read_expected(service),
                             recorded.evaluate(self.rules, service), service)

    def test_recorded_notifications_contain_forbidden_words(self):
        # Otherwise the next test could not fail.
        for service in set(recorded.SERVICES) - {'keystone'}:
            path = recorded.DIRECTORY / f'{service}.jsonl'
            self.assertIn('hunter2', path.read_text(), service)

    def test_decisions_contain_no_text_of_a_notification(self):
        for service in recorded.SERVICES:
            for item in recorded.read(service):
                for decision in self.rules.evaluate(item, recorded.NOW):
                    text = json.dumps(dataclasses.asdict(decision),
                                      default=str)
                    for word in FORBIDDEN:
                        self.assertNotIn(word, text, item.event_type)

    def test_every_rule_is_used_by_a_recorded_notification(self):
        used = {decision.rule for service in recorded.SERVICES
                for item in recorded.read(service)
                for decision in self.rules.evaluate(item, recorded.NOW)}
        # Glance's other notifications are those of captures.
        expected = {rule.name for rule in self.rules.rules} - {
            'glance-import-failed', 'glance-image-staging',
            'glance-image-state', 'glance-import-image',
            'glance-import-image-deleted',
            'glance-import-task-failed', 'glance-task-import-failed',
            'glance-download-truncated', 'glance-task-failure',
            'manila-scheduler-create', 'nova-live-migration'}
        self.assertEqual(set(), expected - used)

    def test_included_rules_give_no_warnings(self):
        self.assertEqual([], list(self.rules.warnings()))

    def test_reports_of_one_nova_failure_have_one_key(self):
        keys = {}
        for item in recorded.read('nova'):
            for decision in self.rules.evaluate(item, recorded.NOW):
                if isinstance(decision, decisions.Observation):
                    keys.setdefault(decision.failure.key, []).append(
                        item.event_type)
        self.assertIn(sorted(NOVA_REPORTS),
                      [sorted(types) for types in keys.values()])
        # Both formats of nova-compute.
        self.assertIn(['compute.instance.resize.error',
                       'instance.resize.error'], keys.values())

    def test_every_operation_of_trove_has_an_action(self):
        for operation in TROVE_OPERATIONS:
            decided = self.decide(
                event_type=f'dbaas.{operation}.error', priority='INFO',
                payload={'tenant_id': 'p', 'exception': []})
            self.assertIsInstance(decided, decisions.Failure, operation)
            update = loader.built_in().find(
                'DATABASE_DATABASE_CONFIGURATION_026_001').action_id
            if operation not in ('configuration_update',
                                 'configuration_edit'):
                self.assertNotEqual(update, decided.event.action_id,
                                    operation)

    def test_manila_without_hosts_has_the_action_of_its_own_message(self):
        for reason, event in (
                ("WillNotSchedule('There are no hosts')", '002_028'),
                ("InvalidParameterValue('a share type')", '002_001'),
                ("NoValidHost('WillNotSchedule(')", '001_002')):
            decided = self.decide(
                event_type='scheduler.create_share', payload={
                    'share_id': 's', 'reason': reason,
                    'share_properties': {'project_id': 'p'}})
            self.assertEqual(f'SHARE_SHARE_{event}', decided.event.event_id)

    def test_live_migration_of_nova_is_no_resize(self):
        for name, action in (('MigrationPreCheckError', 'LIVE_MIGRATE'),
                             ('NoValidHost', 'RESIZE')):
            decided = self.decide(
                event_type='compute_task.migrate_server', payload={
                    'instance_id': 'i',
                    'instance_properties': {'project_id': 'p'},
                    'reason': f"{{'message': 'x', 'class': '{name}'}}"})
            namespace = loader.built_in().namespaces['COMPUTE']
            self.assertEqual(action, namespace.actions[
                decided.failure.event.action_id].constant)

    def test_nova_exception_is_taken_from_the_end_of_its_representation(self):
        text = "{'message': \"'class': 'NoValidHost'} {'class': 'x'}\", " \
               "'class': 'PortInUse'}"
        for exception in (text, 'PortInUse(\'NoValidHost\')'):
            decided = self.decide(
                event_type='compute.instance.create.error', payload={
                    'tenant_id': 'p', 'exception': exception})
            self.assertEqual('COMPUTE_INSTANCE_001_023',
                             decided.failure.event.event_id)

    def test_exception_of_any_nova_method_is_suppressed(self):
        payload = {'exception': 'x', 'args': {}}
        decided = self.decide(event_type='reboot_instance', payload=payload,
                              publisher_id='compute.host')
        self.assertEqual(decisions.Ignored('nova-exception', 'suppressed'),
                         decided)
        decided = self.decide(event_type='reboot_robot', payload=payload,
                              publisher_id='robots.host')
        self.assertEqual(decisions.Ignored(None, 'unmatched'), decided)

    def test_truncated_download_is_reported_to_the_receiver(self):
        decided = self.decide(event_type='image.send', payload={
            'bytes_sent': 1, 'image_id': 'i', 'owner_id': 'owner',
            'receiver_tenant_id': 'receiver', 'receiver_user_id': 'user'})
        self.assertEqual(('receiver', 'user', 'i', 'IMAGE_IMAGE_004_022'),
                         (decided.project_id, decided.user_id,
                          decided.resource_uuid, decided.event.event_id))

    def test_successful_download_is_not_reported(self):
        decided = self.decide(event_type='image.send', priority='INFO',
                              payload={'receiver_tenant_id': 'receiver'})
        self.assertEqual('unmatched', decided.reason)

    def test_failed_import_requires_three_properties(self):
        names = ('os_glance_import_task', 'os_glance_failed_import',
                 'os_glance_importing_to_stores')
        for values in itertools.product(('', 'x'), repeat=3):
            decided = self.decide_all(
                event_type='image.update', priority='INFO', payload={
                    'id': 'i', 'owner': 'p', 'status': 'queued',
                    'properties': dict(zip(names, values))})
            self.assertEqual(
                (['subject'] if values[0] else []) +
                (['failure'] if values == ('x', 'x', '') else
                 ['state', 'state']),
                [item.kind for item in decided], values)

    def test_parts_of_a_failed_import_have_one_key(self):
        image = {'id': 'i', 'owner': 'p', 'status': 'importing',
                 'properties': {'os_glance_import_task': 't',
                                'os_glance_failed_import': 's'}}
        decided = [item for event_type, payload in (
            ('image.update', image), ('image.delete', image),
            ('task.failure', {'id': 't', 'owner': 'q',
                              'type': 'api_image_import'}))
            for item in self.decide_all(
                event_type=event_type, priority='INFO', payload=payload)
            if item.correlation == 'image-import']
        self.assertEqual(['subject', 'failure', 'cancel', 'failure'],
                         [item.kind for item in decided])
        self.assertEqual(1, len({item.failure.key for item in decided}))

    def test_task_that_is_no_import_is_suppressed(self):
        decided = self.decide(event_type='task.failure', priority='INFO',
                              payload={'id': 't', 'owner': 'p',
                                       'type': 'clone'})
        self.assertEqual('suppressed', decided.reason)

    def test_upload_error_with_internal_error_selects_a_detail(self):
        prefix = (f'Failed to upload image data for image {IMAGE} due to '
                  'internal error: ')
        for text, detail in UPLOAD_ERRORS:
            decided = self.decide(event_type='image.upload',
                                  payload=f'{prefix}{text}')
            self.assertEqual((IMAGE, detail),
                             (decided.resource_uuid, decided.cause), text)

    def test_both_formats_of_a_deleted_project_are_forgotten(self):
        for payload in ({'resource_info': 'p'}, {'target': {'id': 'p'}}):
            decided = self.decide(event_type='identity.project.deleted',
                                  priority='INFO', payload=payload)
            self.assertEqual(decisions.Forget(
                'keystone-project-deleted', project_id='p'), decided)

    def test_bare_metal_provision_states_select_a_detail(self):
        details = loader.built_in().namespaces['BAREMETAL'].details
        for state, constant in (
                ('deploying', 'DEPLOY_FAILED'),
                ('wait call-back', 'DEPLOY_FAILED'),
                ('clean wait', 'CLEANING_FAILED'),
                ('inspect wait', 'INSPECTION_FAILED'),
                ('rescue wait', 'RESCUE_FAILED'),
                ('unrescuing', 'UNRESCUE_FAILED'),
                ('verifying', 'VERIFICATION_FAILED'),
                ('adopting', 'ADOPTION_FAILED'),
                ('service wait', 'SERVICING_FAILED'),
                (None, 'UNKNOWN_ERROR')):
            decided = self.decide(
                event_type='baremetal.node.provision_set.error', payload={
                    'ironic_object.data': {
                        'owner': 'p', 'uuid': 'n',
                        'previous_provision_state': state}})
            self.assertEqual(
                constant, details[decided.event.detail_id].constant)

    def test_names_of_rules_begin_with_the_service(self):
        for rule in self.rules.rules:
            self.assertTrue(re.match(
                rule.path.rpartition('/')[2].removesuffix('.yaml') + '-',
                rule.name), rule.name)

    def image_events(self, *updates):
        """Return the ids of the events of an image's messages, by time.

        Each update is decided alone, with the states of earlier ones.

        :param updates: (publisher, seconds, status, properties) tuples
        """
        states, events = {}, []
        for number, (publisher, seconds, status, properties) in enumerate(
                updates):
            made = self.decide_all(
                message_id=f'b0f2d4f0-2f53-4b8e-a7d8-{number:012}',
                event_type='image.update', priority='INFO',
                publisher_id=publisher,
                timestamp=recorded.NOW - datetime.timedelta(
                    seconds=1000 - seconds),
                payload={'id': IMAGE, 'owner': 'p', 'status': status,
                         'properties': properties})
            result = self.rules.correlations.decide(
                (item for item in made
                 if isinstance(item, decisions.Observation)), states)
            states.update(result.states)
            events += [item.event.event_id for item in result.failures]
        return events

    def test_import_by_another_host_that_fails_is_no_failed_staging(self):
        for first, second in itertools.permutations(('image.a', 'image.b')):
            self.assertEqual(['IMAGE_IMAGE_002_001'], self.image_events(
                (first, 0, 'queued', {}), (first, 1, 'uploading', {}),
                (second, 20, 'importing', IMPORT),
                (second, 40, 'queued', FAILED),
                (first, 100, 'queued', {'os_glance_failed_import': 'a'})))

    def test_import_by_another_host_and_failed_staging_give_messages(self):
        self.assertEqual(
            ['IMAGE_IMAGE_002_001', 'IMAGE_IMAGE_009_001'], self.image_events(
                ('image.a', 1, 'uploading', {}),
                ('image.b', 20, 'importing', IMPORT),
                ('image.b', 40, 'queued', FAILED),
                ('image.b', 60, 'uploading', {}),
                ('image.b', 61, 'queued', {}),
                ('image.a', 100, 'queued', {})))

    def test_failed_import_of_staged_image_is_no_failed_staging(self):
        self.assertEqual(['IMAGE_IMAGE_002_001'], self.image_events(
            ('image.a', 1, 'uploading', {}),
            ('image.a', 40, 'queued', FAILED)))
