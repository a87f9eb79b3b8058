# SPDX-License-Identifier: Apache-2.0

import sqlalchemy as sa

from usermsg.db import hosts
from usermsg.db import url as urls
from usermsg import exception
from usermsg.tests import base


class TestSeveralHosts(base.TestCase):

    def defaults(self, text, configured=''):
        return urls.add_defaults(urls.parse_url(text), configured).query

    def test_one_host_has_longer_timeouts(self):
        for text in ('mysql+pymysql://u:p@h/d', 'mysql+pymysql://u:p@/d?host=h'
                     ):
            self.assertEqual('30', self.defaults(text)['read_timeout'])

    def test_several_hosts_of_mariadb_have_shorter_timeouts(self):
        text = 'mysql+pymysql://u:p@/d?host=a&host=b:3307'
        self.assertEqual('10', self.defaults(text)['read_timeout'])
        self.assertEqual('10', self.defaults(text)['write_timeout'])
        self.assertEqual('4', self.defaults(text)['connect_timeout'])
        self.assertEqual(
            '20', self.defaults(text, 'read_timeout=20')['read_timeout'])
        self.assertEqual('7', self.defaults(
            f'{text}&read_timeout=7', 'read_timeout=20')['read_timeout'])

    def test_several_hosts_of_postgresql_require_the_primary(self):
        text = 'postgresql+psycopg2://u:p@/d?host='
        for several in ('a&host=b:5433', 'a,b'):
            self.assertEqual('read-write', self.defaults(
                f'{text}{several}')['target_session_attrs'])
        self.assertEqual('any', self.defaults(
            f'{text}a,b&target_session_attrs=any')['target_session_attrs'])
        self.assertNotIn('target_session_attrs', self.defaults(f'{text}a'))

    def test_hosts_of_mariadb_are_parsed(self):
        for text, expected in (
                ('u:p@h:1/d', []),
                ('u:p@/d?host=a&host=b:2', [('a', 3306), ('b', 2)]),
                ('u:p@/d?host=[::1]:3&host=[::2]', [('::1', 3),
                                                    ('::2', 3306)])):
            self.assertEqual(expected, hosts.parse(
                sa.make_url(f'mysql+pymysql://{text}')))

    def test_malformed_host_is_refused_without_password(self):
        for host in ('a:b', 'a:1,b:2', 'fe80::1'):
            error = self.assertRaises(
                exception.ConfigurationError, urls.parse_url,
                f'mysql+pymysql://u:secret@/d?host={host}&host=c')
            self.assertEqual('[database] connection: each "host" must be HOST '
                             'or HOST:PORT.', str(error))
