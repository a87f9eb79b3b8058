# SPDX-License-Identifier: Apache-2.0
import json

from usermsg.listener import dead_letters
from usermsg.tests import base
from usermsg.tests.fixtures import wire

SECRET = 'hunter2/x'


class RedactTest(base.TestCase):

    def redact(self, body):
        return dead_letters.redact(body, None)

    def test_secrets_of_an_invalid_notification_are_masked(self):
        content = {
            **wire.content(), 'priority': None,
            '_context_auth_token': SECRET, '_context_project_id': 'red',
            'payload': {'admin_password': SECRET, 'parameters': {
                'db-password': SECRET}, 'user_data': SECRET, 'size': 7}}
        for body in (content, {'oslo.version': '2.0',
                               'oslo.message': json.dumps(content)}):
            redacted = json.loads(self.redact(json.dumps(body)))
            self.assertNotIn(SECRET, json.dumps(redacted))
            message = json.loads(redacted['oslo.message'])
            self.assertEqual(7, message['payload']['size'])
            self.assertEqual('red', message['_context_project_id'])

    def test_secrets_of_a_text_are_masked(self):
        text = json.dumps({'oslo.message': json.dumps({
            'payload': {'admin_password': SECRET, 'apiKey': SECRET}})})
        for body in (
                text[:-1], text[:-1].encode(), json.dumps(text)[:-1],
                f'AWS_SECRET_ACCESS_KEY={SECRET}', f'adminPass: {SECRET}',
                f'x --os-password {SECRET}', f'rabbit://u:{SECRET}@h/',
                'x' * 2000 + SECRET, f'"_context_a": "{SECRET}"'):
            self.assertNotIn(SECRET, self.redact(body), body)

    def test_time_of_hostile_bodies_is_linear(self):
        for part in ('\\', '\\"', '"context', '_context', '--password ',
                     'a.', '://', 'token'):
            for body in (part * 2 ** 17, (part * 2 ** 17).encode()):
                self.assertLessEqual(len(self.redact(body)), 4096)
            # Quadratic patterns take minutes.
            dead_letters.mask(part * 2 ** 14)

    def test_body_of_another_type_is_empty(self):
        self.assertEqual('', self.redact({'a': 'map'}))


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
