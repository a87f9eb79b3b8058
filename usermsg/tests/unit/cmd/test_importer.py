# SPDX-License-Identifier: Apache-2.0
from usermsg.cmd import importer
from usermsg import exception
from usermsg.tests import base


class TestReport(base.TestCase):

    def test_empty_report_has_one_line(self):
        self.assertEqual(['0 messages have been imported.'],
                         list(importer.Report().lines()))

    def test_report_has_a_line_per_counter(self):
        report = importer.Report()
        report.numbers.update(new=1234, imported_before=21, deleted_here=4,
                              deleted_there=5, deleted=7, expired=8)
        for number in range(6):
            report.add_unknown(f'VOLUME_99999{number}')
        for number in range(7):
            report.skip(f'{number}', 'event_id: is odd.')
        report.skip('a\n\u00fc' + 'x' * 100, 'id: is long.')
        self.assertEqual([
            '1,234 messages have been imported.',
            '21 messages were imported before.',
            '4 messages were imported before, and deleted here since.',
            '5 messages have been deleted here, because their rows have been '
            'deleted.',
            '7 rows were ignored, because they are deleted.',
            '8 rows were ignored, because they have expired.',
            '6 messages have an event that is not in the catalogue, and are '
            'shown with a general text: VOLUME_999990, VOLUME_999991, '
            'VOLUME_999992, VOLUME_999993, VOLUME_999994, ...',
            '8 rows were skipped:',
            '  7: event_id: is odd. Ids: 0, 1, 2, 3, 4, ...',
            '  1: id: is long. Ids: a\\n\\xfc' + 'x' * 53 + '...'],
            list(report.lines()))
        lines = list(report.lines(dry_run=True))
        self.assertEqual('1,234 messages would be imported.', lines[0])
        self.assertEqual('5 messages would be deleted here, because their '
                         'rows have been deleted.', lines[3])


class TestConfigured(base.TestCase):

    def configured(self, text):
        return importer.read_url(self.write('cinder.conf', text))

    def test_connection_is_read_from_service_configuration(self):
        url = self.configured(
            '[DEFAULT]\ntransport_url = rabbit://x\n'
            'my_ip = $other\n[database]\nmax_retries = -1\n'
            'connection = mysql+pymysql://cinder:se%40cret@db/cinder'
            '?charset=utf8\n[nova]\npassword = x\n')
        self.assertEqual(('db', 'se@cret'), (url.host, url.password))

    def test_invalid_connection_is_reported_without_its_value(self):
        for text, reason in (
                ('', '[database] connection is not set'),
                ('[database]\nconnection =\n', 'connection is not set'),
                ('connection secret\n', "cinder.conf:1: No ':' or '=' found"),
                ('[database]\nsecret\n', "cinder.conf:2: No ':' or '=' found"),
                ('[database]\nconnection = $secret\n',
                 '[database] connection: a "$" refers to another'),
                ('[database]\nconnection = secret\n', 'cinder.conf: '
                 '[database] connection is not a valid database URL.'),
                ('[database]\nconnection = mysql+pymysql://a:secr@et@b/c\n',
                 'an @ in the password must be written as %40.')):
            error = self.assertRaises(exception.ConfigurationError,
                                      self.configured, text)
            self.assertIn(reason, str(error))
            self.assertIn('cinder.conf', str(error))
            self.assertNotIn('secr', str(error).replace(str(self.home), ''))
        path = self.home / 'binary'
        path.write_bytes(b'[database]\nconnection = \xff\n')
        for path, reason in ((self.home / 'none', 'does not exist'),
                             (self.home, 'cannot be '),
                             (path, 'not UTF-8')):
            error = self.assertRaises(exception.ConfigurationError,
                                      importer.read_url, str(path))
            self.assertIn(reason, str(error))
