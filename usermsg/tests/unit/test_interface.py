# SPDX-License-Identifier: Apache-2.0
"""Tests of the public interface: names, pages and entry points."""

import importlib
import importlib.metadata
import re
import subprocess
import sys

from usermsg.conf import notifications
from usermsg.tests import base

PAGE = base.ROOT / 'doc' / 'source' / 'developer' / 'python-api.rst'

#: Module -> its names that other services use. Removing a name from this list
#: breaks those services.
NAMES = {
    'usermsg.message.api': ('API',),
    'usermsg.message.defined_messages': ('EventIds', 'get_message_text'),
    'usermsg.message.resource_types': (
        'VOLUME', 'VOLUME_SNAPSHOT', 'VOLUME_BACKUP', 'IMAGE', 'SHARE',
        'SHARE_GROUP', 'SHARE_REPLICA', 'SHARE_SNAPSHOT', 'SECURITY_SERVICE',
        'SHARE_NETWORK_SUBNET', 'INSTANCE'),
    'usermsg.context': ('RequestContext',),
    'usermsg.exception': (
        'ConfigurationError', 'InvalidInput', 'MessageNotFound',
        'NotPermitted', 'DatabaseUnavailable'),
    'usermsg.catalogue.entries': ('Action', 'Detail', 'Event', 'Namespace'),
    'usermsg.catalogue.catalogues.compute': (
        'Actions', 'Details', 'NAMESPACE'),
    'usermsg.catalogue.catalogues.image': ('Actions', 'Details', 'NAMESPACE'),
    'usermsg.catalogue.catalogues.share': ('Actions', 'Details', 'NAMESPACE'),
    'usermsg.catalogue.catalogues.volume': (
        'Actions', 'Details', 'EventIds', 'NAMESPACE'),
    'usermsg.catalogue.loader': ('load',),
    'usermsg.notifications.image': (
        'ImageNotifier', 'CREATE', 'PREPARE', 'UPLOAD', 'ACTIVATE', 'SEND',
        'UPDATE', 'DELETE'),
    'usermsg.notifications.direct': ('Direct',),
    'usermsg.notifications.notification': ('Notification',),
    'usermsg.notifications.errors': ('NotDelivered', 'Rejected'),
    'usermsg.notifications.drivers.loader': ('close', 'load'),
    'usermsg.service': ('prepare', 'prepare_library'),
    'usermsg.concurrency.backend': ('use_threads',),
}

ENTRY_POINTS = {
    'oslo.messaging.notify.drivers': {'logging', 'qpid', 'rabbit'},
    'oslo.config.opts': {'usermsg'},
    'oslo.config.opts.defaults': {'usermsg'},
    'oslo.policy.policies': {'usermsg'},
    'oslo.policy.enforcer': {'usermsg'},
    'usermsg.catalogue': {
        'BAREMETAL', 'COMPUTE', 'CONTAINER_INFRA', 'DATABASE', 'DNS', 'IMAGE',
        'NETWORK', 'ORCHESTRATION', 'SHARE', 'VOLUME'},
}


class InterfaceTest(base.TestCase):

    def test_public_names_can_be_imported(self):
        for name, attributes in NAMES.items():
            module = importlib.import_module(name)
            self.assertEqual(
                [], [attribute for attribute in attributes
                     if not hasattr(module, attribute)], name)

    def test_interface_page_names_every_public_module(self):
        text = PAGE.read_text(encoding='utf-8')
        names = set(re.findall(r'``(usermsg\.[a-z_.]+)``', text))
        names |= {f'usermsg.notifications{name}' for name in
                  re.findall(r'``(\.[a-z_.]+)``', text)}
        catalogues = 'usermsg.catalogue.catalogues.'
        self.assertIn(f'``{catalogues}*``', text)
        # A WSGI entry point, and a group of entry points.
        names -= {'usermsg.wsgi.api', 'usermsg.catalogue'}
        self.assertEqual({name for name in NAMES
                          if not name.startswith(catalogues)}, names)

    def test_interface_page_documents_every_public_name(self):
        text = PAGE.read_text(encoding='utf-8')
        for module, names in NAMES.items():
            members = ' '.join(re.findall(
                rf':: {re.escape(module)}\n   :members: (.*?)\n\n', text,
                re.S))
            for name in names:
                if module == 'usermsg.message.resource_types':
                    continue  # the page includes the file itself
                self.assertTrue(
                    name == 'NAMESPACE' or f':: {module}.{name}\n' in text or
                    re.search(rf'\b{name}\b', members), f'{module}.{name}')

    def test_examples_and_pages_import_public_names_only(self):
        for path in (base.ROOT / 'README.rst',
                     *(base.ROOT / 'examples').glob('*.py'),
                     *(base.ROOT / 'doc' / 'source').rglob('*.rst')):
            for package, name in re.findall(
                    r'from (usermsg[a-z_.]*) import ([a-z_]+)',
                    path.read_text(encoding='utf-8')):
                if package.partition('.')[0] == 'usermsg':
                    self.assertIn(f'{package}.{name}', NAMES, path)

    def test_every_event_type_can_be_disabled(self):
        schemas = base.ROOT / 'usermsg' / 'notifications' / 'schemas'
        # A report is the request of a service.
        self.assertEqual({path.stem for path in schemas.glob('*.json')},
                         {*notifications.EVENT_TYPES, 'usermsg.report'})

    def test_every_event_type_has_a_notification_schema(self):
        schemas = base.ROOT / 'usermsg' / 'notifications' / 'schemas'
        self.assertEqual(
            {*(f'image.{name}' for name in (
                'activate', 'create', 'delete', 'member.create',
                'member.delete', 'member.update', 'prepare', 'send', 'update',
                'upload')), 'message.create', 'message.delete',
             'message.expire', 'usermsg.report'},
            {path.stem for path in schemas.glob('*.json')})

    def test_entry_points_can_be_loaded(self):
        for group, names in ENTRY_POINTS.items():
            points = [point for point in
                      importlib.metadata.entry_points(group=group)
                      if point.dist.name == 'usermsg']
            self.assertEqual(names, {point.name for point in points}, group)
            for point in points:
                self.assertIsNotNone(point.load(), point)

    def test_import_does_not_load_oslo_messaging(self):
        # Importing it would choose a concurrency backend for the whole process
        # of the service that uses the library.
        drivers = {'usermsg.notifications.direct',
                   'usermsg.notifications.drivers.loader'}
        subprocess.run(
            [sys.executable, '-W', 'error', '-c',
             f'import sys, {", ".join(sorted(set(NAMES) - drivers))}\n'
             'assert "oslo_messaging" not in sys.modules\n'
             'assert "eventlet" not in sys.modules'], check=True)
