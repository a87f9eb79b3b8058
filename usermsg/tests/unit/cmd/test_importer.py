# SPDX-License-Identifier: Apache-2.0
from usermsg.cmd import importer
from usermsg import exception
from usermsg.tests import base


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
