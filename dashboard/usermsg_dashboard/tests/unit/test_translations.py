# SPDX-License-Identifier: Apache-2.0
"""Completeness of the translations."""

import gettext
from importlib import util
import pathlib
import re

from babel.messages import extract
from babel.messages import frontend
from babel.messages import pofile
from django.urls import reverse

import usermsg_dashboard
from usermsg_dashboard.tests.unit import base

_PACKAGE = pathlib.Path(usermsg_dashboard.__file__).parent
_LOCALE = _PACKAGE / 'locale'
_LANGUAGES = ('de', 'ja')
_KEYWORDS = {**extract.DEFAULT_KEYWORDS, 'pgettext_lazy': ((1, 'c'), 2)}


def _extract(domain):
    """Return the texts in the code: a set of (context, id)."""
    mapping = _PACKAGE.parent / f'babel-{domain}.cfg'
    with open(mapping, encoding='utf-8') as file:
        methods, options = frontend.parse_mapping_cfg(file)
    return {(context, message_id) for _, _, message_id, _, context in
            extract.extract_from_dir(_PACKAGE, methods, options, _KEYWORDS)}


class TranslationsTest(base.TestCase):

    def read_catalogues(self):
        """Return (texts in the code, messages, compiled) of each file."""
        for domain in ('django', 'djangojs'):
            texts = _extract(domain)
            if not texts:
                continue
            for language in _LANGUAGES:
                path = _LOCALE / language / 'LC_MESSAGES' / f'{domain}.po'
                with open(path, 'rb') as file:
                    catalogue = pofile.read_po(file, language)
                with open(path.with_suffix('.mo'), 'rb') as file:
                    compiled = gettext.GNUTranslations(file)
                yield texts, [message for message in catalogue
                              if message.id], compiled

    def test_each_text_is_translated(self):
        for texts, messages, _ in self.read_catalogues():
            self.assertGreaterEqual(len(texts), 1)
            self.assertEqual(texts, {(message.context, message.id)
                                     for message in messages})
            for message in messages:
                strings = message.string
                for string in ([strings] if isinstance(strings, str)
                               else strings):
                    self.assertNotEqual('', string, message.id)
                self.assertFalse(message.fuzzy, message.id)

    def test_translations_have_the_same_placeholders(self):
        def find(text):
            return set(re.findall(r'%\(\w+\)[sd]|{{.*?}}', text))

        for _, messages, _ in self.read_catalogues():
            for message in messages:
                ids, strings = (
                    (text,) if isinstance(text, str) else text
                    for text in (message.id, message.string))
                for string in strings:
                    self.assertEqual(find(ids[-1]), find(string), message.id)

    def test_compiled_translations_are_current(self):
        for _, messages, compiled in self.read_catalogues():
            for message in messages:
                if message.context:
                    string = compiled.pgettext(message.context, message.id)
                elif isinstance(message.id, tuple):
                    string = compiled.ngettext(*message.id, 1)
                    message.string = message.string[0]
                else:
                    string = compiled.gettext(message.id)
                self.assertEqual(message.string, string, (
                    'outdated: run tools/dashboard_translations.sh compile'))

    def test_translations_of_others_are_not_replaced(self):
        for language in _LANGUAGES:
            own = self.read_texts(_PACKAGE, language)
            for name in ('horizon', 'openstack_dashboard', 'heat_dashboard',
                         'manila_ui'):
                other = self.read_texts(
                    pathlib.Path(util.find_spec(name).origin).parent, language)
                texts = own.keys() & other.keys()
                self.assertEqual({text: other[text] for text in texts},
                                 {text: own[text] for text in texts}, name)

    def read_texts(self, package, language):
        """Return a dict of a package's texts without context."""
        path = package / 'locale' / language / 'LC_MESSAGES' / 'django.po'
        if not path.exists():
            return {}
        with open(path, 'rb') as file:
            return {message.id: message.string
                    for message in pofile.read_po(file, language)
                    if message.id and isinstance(message.string, str) and
                    message.string and not message.context and
                    not message.fuzzy}

    def test_pages_are_in_the_language_of_the_user(self):
        self.fake_list(base.make_message())
        for language, text in (('de', 'Nachrichten filtern'),
                               ('ja', 'すべてのメッセージを選択')):
            self.client.cookies['django_language'] = language
            response = self.client.get(
                reverse('horizon:project:usermsg:index'))
            self.assertContains(response, text)
            self.assertContains(response, f'lang="{language}"')
