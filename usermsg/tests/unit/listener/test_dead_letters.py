# SPDX-License-Identifier: Apache-2.0
from usermsg.listener import dead_letters
from usermsg.tests import base

SECRET = 'hunter2/x'


class MaskTest(base.TestCase):

    def test_secrets_in_texts_are_masked(self):
        for text, expected in (
                ('a rabbit://u:{}@h:5672/ b', 'a rabbit://***@h:5672/ b'),
                ('http://h/a?temp_url_sig={}&x=1',
                 'http://h/a?temp_url_sig=***&x=1'),
                ('http://h/?a=1&X-Amz-Signature={}',
                 'http://h/?a=1&X-Amz-Signature=***'),
                ('x --os-password {} -y', 'x --os-password *** -y'),
                ('X-Auth-Token: {}', 'X-Auth-Token: ***'),
                ('X-Subject-Token={}', 'X-Subject-Token=***'),
                ('Authorization: Bearer {}', 'Authorization: Bearer ***')):
            self.assertEqual(
                expected, dead_letters.mask(text.format(SECRET)))

    def test_other_texts_are_unchanged(self):
        for text in (
                'Image storage media is full: no space', 'http://h:80/a?b=c',
                'a@example.org', 'a basic volume', 'token', '--force',
                '21a0c3a5-d8d1-4d1f-9ae3-1a3a9b7f1ffb', ''):
            self.assertEqual(text, dead_letters.mask(text))

    def test_values_with_names_of_secrets_are_masked(self):
        self.assertEqual(
            {'size': 1, 'adminPass': '***', 'x': [{'aws_creds': '***'}, None]},
            dead_letters.mask({'size': 1, 'adminPass': SECRET,
                               'x': [{'aws_creds': {'y': 1}}, None]}))
