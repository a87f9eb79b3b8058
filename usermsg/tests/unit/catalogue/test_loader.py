# SPDX-License-Identifier: Apache-2.0
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap

from usermsg.catalogue import catalogue
from usermsg.catalogue import loader
from usermsg import exception
from usermsg.tests import base

ACME = '''
prefixes:
  ACME:
    resource_types: [ROBOT, ROBOT_ARM]
    events:
      '000001': {constant: LOST, text: The robot is lost.,
                 remedy: Look under the sofa., user_fixable: true}
    actions:
      '001': {constant: START, text: start the robot}
    details:
      '001': {constant: UNKNOWN_ERROR, text: Nobody knows why.}
      '002': {constant: NO_POWER, text: It has no power., retryable: true,
              link: 'https://robots.example.org/', exceptions: [PowerFailure]}
'''


class OverlayTestCase(base.TestCase):

    def overlay(self, *texts):
        """A catalogue with an overlay of such files, a.yaml, b.yaml..."""
        for name, text in zip('abc', texts):
            self.write(f'overlay/{name}.yaml', textwrap.dedent(text))
        return loader.load(str(self.home / 'overlay'))


class RewordTest(OverlayTestCase):

    def test_a_text_a_remedy_and_a_link(self):
        found = self.overlay('''
            prefixes:
              VOLUME:
                events:
                  '000002': {text: There is no room., remedy: Ask Ann.,
                             link: 'https://cloud.example.org/room',
                             user_fixable: false, retryable: false}
            ''').describe('VOLUME_000002')
        self.assertEqual(
            catalogue.Description('There is no room.', remedy='Ask Ann.',
                                  link='https://cloud.example.org/room'),
            found)

    def test_what_is_not_reworded_stays(self):
        before = loader.built_in().describe('VOLUME_VOLUME_002_021')
        found = self.overlay('''
            prefixes:
              VOLUME:
                actions: {'002': {text: fasten volume}}
                details: {'021': {remedy: Ask Ann.}}
            ''').describe('VOLUME_VOLUME_002_021')
        self.assertEqual(f'fasten volume: {before.text}', found.user_message)
        self.assertEqual('Ask Ann.', found.remedy)
        self.assertEqual(before.retryable, found.retryable)

    def test_an_entry_keeps_its_constant_and_its_exceptions(self):
        known = self.overlay('''
            prefixes:
              VOLUME: {details: {'003': {text: Full.}}}
            ''')
        outcome = known.resolve(
            action='SCHEDULE_ALLOCATE_VOLUME', resource_type='VOLUME',
            exception=type('NoValidBackend', (Exception,), {}))
        self.assertEqual('003', outcome.detail_id)
        self.assertEqual('Full.', known.describe(outcome.event_id).text)

    def test_other_catalogues_stay_as_they_are(self):
        def words(known):
            return [known.describe('VOLUME_000002', language)
                    for language in ('en', 'de', 'ja')]

        before = words(loader.built_in())
        for language in ('en', 'de'):
            self.overlay(f'''
                language: {language}
                unknown_event: x
                prefixes: {{VOLUME: {{events: {{'000002': {{text: X}}}}}}}}
                ''')
        self.assertEqual(before, words(loader.built_in()))
        self.assertEqual(before, words(loader.load()))

    def test_an_operators_words_win_over_our_translations(self):
        built_in = loader.built_in().describe('VOLUME_000002', 'de')
        known = self.overlay('''
            prefixes: {VOLUME: {events: {'000002': {text: No room.}}}}
            ''')
        self.assertEqual('No room.',
                         known.describe('VOLUME_000002', 'de').text)
        # This one still says the same.
        self.assertEqual(built_in.remedy,
                         known.describe('VOLUME_000002', 'de').remedy)

    def test_an_operators_words_in_several_languages(self):
        # The file of the other language is read first by name.
        known = self.overlay('''
            language: de
            prefixes: {VOLUME: {events: {'000002': {text: Kein Platz.}}}}
            ''', '''
            prefixes: {VOLUME: {events: {'000002': {text: No room.}}}}
            ''')
        for language, text in (('en', 'No room.'), ('de', 'Kein Platz.'),
                               ('ja', 'No room.')):
            self.assertEqual(text, known.describe('VOLUME_000002',
                                                  language).text)

    def test_a_translation_alone(self):
        known = self.overlay('''
            language: de
            prefixes: {VOLUME: {events: {'000002': {text: Kein Platz.}}}}
            ''')
        found = known.describe('VOLUME_000002', 'de')
        self.assertEqual('Kein Platz.', found.text)
        self.assertIn('Fordern Sie', found.remedy)
        self.assertEqual(loader.built_in().describe('VOLUME_000002'),
                         known.describe('VOLUME_000002'))

    def test_a_new_language(self):
        known = self.overlay('''
            language: pt-BR
            unknown_event: N\xe3o sei.
            prefixes:
              VOLUME:
                actions: {'002': {text: anexar}}
            ''')
        self.assertIn('pt-BR', known.languages)
        found = known.describe('VOLUME_VOLUME_002_021', 'pt-BR')
        self.assertEqual('anexar', found.action)
        self.assertEqual(
            loader.built_in().describe('VOLUME_VOLUME_002_021').text,
            found.text)
        self.assertEqual('N\xe3o sei.', known.describe('X', 'pt-BR').text)

    def test_the_general_text(self):
        known = self.overlay('unknown_event: Ask Ann.\n',
                             'language: ja\nunknown_event: Ann-san\n')
        for language, text in (('en', 'Ask Ann.'), ('de', 'Ask Ann.'),
                               ('ja', 'Ann-san')):
            self.assertEqual(text, known.describe('NOPE', language).text)

    def test_later_files_win(self):
        known = self.overlay(
            "prefixes: {VOLUME: {events: {'000002': {text: First.}}}}",
            "prefixes: {VOLUME: {events: {'000002': {text: Second.}}}}")
        self.assertEqual('Second.', known.describe('VOLUME_000002').text)

    def test_files_without_content(self):
        known = self.overlay('', '# nothing\n', 'prefixes:\n  VOLUME:\n')
        self.assertEqual(loader.built_in().languages, known.languages)

    def test_only_yaml_files_count(self):
        self.write('overlay/README', '[')
        self.write('overlay/a.yaml.orig', '[')
        self.write('overlay/b.yml', 'unknown_event: Ask Ann.\n')
        self.assertEqual('Ask Ann.', self.overlay().describe('NOPE').text)

    def test_an_empty_directory(self):
        (self.home / 'overlay').mkdir()
        self.assertEqual(loader.built_in().languages,
                         self.overlay().languages)

    def test_unknown_events_are_counted(self):
        counted = []
        known = loader.load(on_unknown=lambda: counted.append(1))
        known.describe('NOPE')
        self.assertEqual([1], counted)


class DeclareTest(OverlayTestCase):

    def test_a_prefix_of_an_operators_own(self):
        known = self.overlay(ACME)
        outcome = known.resolve(
            action='start', resource_type='robot_arm',
            exception=type('PowerFailure', (Exception,), {})())
        self.assertEqual('ACME_ROBOT_ARM_001_002', outcome.event_id)
        self.assertEqual(
            catalogue.Description(
                'It has no power.', action='start the robot', retryable=True,
                link='https://robots.example.org/'),
            known.describe(outcome.event_id))
        self.assertEqual(
            catalogue.Description('The robot is lost.', user_fixable=True,
                                  remedy='Look under the sofa.'),
            known.describe('ACME_000001'))

    def test_its_translation_in_whatever_order_the_files_are(self):
        german = '''
            language: de
            prefixes:
              ACME:
                actions: {'001': {text: Roboter starten}}
                events: {'000001': {text: Weg., remedy: Suchen!}}
            '''
        for texts in ((ACME, german), (german, ACME)):
            known = self.overlay(*texts)
            self.assertEqual(
                'Roboter starten: It has no power.',
                known.describe('ACME_ROBOT_001_002', 'de').user_message)
            self.assertEqual('Suchen!',
                             known.describe('ACME_000001', 'de').remedy)

    def test_a_later_file_rewords_it(self):
        known = self.overlay(
            ACME, "prefixes: {ACME: {events: {'000001': {text: Gone.}}}}")
        self.assertEqual('Gone.', known.describe('ACME_000001').text)
        self.assertEqual('Look under the sofa.',
                         known.describe('ACME_000001').remedy)


class RefusedTestCase(OverlayTestCase):

    def refused(self, line, reason, text, before=()):
        """The last of the files is refused, at this line.

        :param before: the files that are read earlier
        """
        error = self.assertRaises(exception.ConfigurationError, self.overlay,
                                  *before, text)
        path = self.home / 'overlay' / f'{"abc"[len(before)]}.yaml'
        self.assertTrue(str(error).startswith(f'{path}:{line}: '), str(error))
        self.assertIn(reason, str(error))
        self.assertNotIn('\n', str(error))


class ErrorTest(RefusedTestCase):

    def events(self, values, language='en'):
        """A file with these values of one event, from line 6 on."""
        return (f'language: {language}\nprefixes:\n  VOLUME:\n    events:\n'
                "      '000002':\n" + textwrap.indent(values, ' ' * 8))

    def test_unknown_keys(self):
        self.refused(2, 'this key is not known here; it can be language',
                     'language: en\nprefix: {}\n')
        self.refused(3, 'resource_types, events, actions, details',
                     'prefixes:\n  VOLUME:\n    event: {}\n')
        self.refused(7, 'user_fixable', self.events('text: x\ntext_: y'))
        self.refused(6, 'not known', self.events('constant: X'))
        self.refused(6, 'not known', self.events('exceptions: [X]'))
        self.refused(6, 'text, remedy', self.events(
            'link: https://example.org/', language='de'))
        self.refused(4, 'it can be text.', 'prefixes:\n  VOLUME:\n'
                     "    actions:\n      '002': {remedy: Ask Ann.}\n")

    def test_a_key_that_stands_twice(self):
        self.refused(7, 'twice', self.events('text: x\ntext: y'))

    def test_an_id_without_quotes(self):
        self.refused(4, 'put it in quotes', 'prefixes:\n  VOLUME:\n'
                     '    actions:\n      002: {text: x}\n')

    def test_an_entry_that_does_not_exist(self):
        for kind, entry_id in (('events', '999999'), ('actions', '999'),
                               ('details', '999'), ('details', '1'),
                               ('events', 'VOLUME_000002')):
            for language in ('en', 'de'):
                self.refused(
                    5, 'VOLUME has no such entry',
                    f'language: {language}\nprefixes:\n  VOLUME:\n'
                    f"    {kind}:\n      '{entry_id}': {{text: x}}\n")

    def test_a_translation_of_a_prefix_that_does_not_exist(self):
        self.refused(3, 'no catalogue with this prefix', '\n'.join([
            'language: de', 'prefixes:', '  ACME:', '    events: {}']))

    def test_a_resource_type_in_the_wrong_place(self):
        text = 'prefixes:\n  VOLUME:\n    resource_types: [VOLUME_GROUP]\n'
        self.refused(3, 'VOLUME has its own', text)
        self.refused(4, 'English', f'language: de\n{text}')

    def test_wrong_types(self):
        for text, line in (('- x\n', 1), ('word\n', 1), ('prefixes: []\n', 1),
                           ('prefixes:\n  VOLUME: x\n', 2),
                           ('prefixes:\n  VOLUME:\n    events: [x]\n', 3),
                           ("prefixes:\n  VOLUME:\n    events:\n"
                            "      '000002': x\n", 4)):
            self.refused(line, 'mapping', text)
        for value in ('5', '[x]', '{a: b}', 'true', 'null', '""', '" "'):
            self.refused(6, 'the text is empty', self.events(
                f'text: {value}'))
        for value in ('"yes"', '1', '[]'):
            self.refused(6, 'must be true or false',
                         self.events(f'user_fixable: {value}'))
        for attribute in ('remedy', 'link', 'user_fixable', 'retryable'):
            self.refused(6, f'the {attribute} is empty',
                         self.events(f'{attribute}: null'))
        for value in ('5', '""', '[]'):
            self.refused(1, 'is empty or not a string',
                         f'unknown_event: {value}')

    def test_a_link_that_is_not_https(self):
        for link in ('http://example.org/', 'example.org', 'ftp://x'):
            self.refused(6, 'https://', self.events(f'link: {link}'))

    def test_control_characters(self):
        for text in (r'"a\nb"', r'"a\x07b"', r'"\e[1m"', r'"a\Nb"',
                     r'"a\Lb"', '|\n  a\n  b'):
            for key in ('text', 'remedy', 'link'):
                self.refused(6, 'line break or a control character',
                             self.events(f'{key}: {text}'))
        self.refused(1, 'control character', r'unknown_event: "a\nb"')

    def test_a_bad_language_tag(self):
        for tag in ('DE', 'german_', 'e', '5', 'no', 'null', '[de]', 'de_DE',
                    'de-', '""', '"de\\n"'):
            self.refused(2, 'is not a language tag',
                         f'unknown_event: x\nlanguage: {tag}\n')

    def test_not_yaml(self):
        self.refused(2, 'not valid YAML', 'prefixes:\n\tVOLUME: {}\n')

    def test_not_utf_8(self):
        path = pathlib.Path(self.write('overlay/a.yaml', ''))
        path.write_bytes('# gr\xfc\xdfe\n'.encode('latin-1'))
        error = self.assertRaises(exception.ConfigurationError, self.overlay)
        self.assertEqual(f'{path}:1: not UTF-8.', str(error))

    def test_a_directory_that_is_not_there(self):
        path = self.home / 'overlay'
        error = self.assertRaises(exception.ConfigurationError, loader.load,
                                  path)
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))
        self.write('overlay', '')
        error = self.assertRaises(exception.ConfigurationError, loader.load,
                                  path)
        self.assertIn('Not a directory', str(error))

    def test_a_link_to_nowhere(self):
        (self.home / 'overlay').mkdir()
        path = self.home / 'overlay' / 'a.yaml'
        path.symlink_to('nowhere')
        error = self.assertRaises(exception.ConfigurationError, self.overlay)
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))

    def test_the_second_of_two_files(self):
        self.refused(1, 'not known', 'nope: 1\n', before=(ACME,))


class DeclareErrorTest(RefusedTestCase):

    def declared(self, line, reason, **parts):
        """ACME, with one or more of its parts replaced, is refused."""
        lines = ['prefixes:', '  ACME:']
        for key, value in {'resource_types': '[ROBOT]',
                           'details': "{'001': {constant: U, text: x}}",
                           **parts}.items():
            lines.append(f'    {key}: {value}')
        self.refused(line, reason, '\n'.join(lines) + '\n')

    def test_a_resource_type_that_is_taken(self):
        self.declared(3, 'VOLUME belongs to VOLUME',
                      resource_types='[ROBOT, VOLUME]')
        self.refused(3, 'ROBOT belongs to ACME', 'prefixes:\n  OTHER:\n'
                     '    resource_types: [ROBOT]\n', before=(ACME,))

    def test_bad_resource_types(self):
        for value in ('ROBOT', '{ROBOT: x}', '[5]', '[[ROBOT]]'):
            self.declared(3, 'a list of names', resource_types=value)
        self.declared(2, 'is not a valid resource type',
                      resource_types='[robot]')
        self.declared(2, 'stands twice', resource_types='[ROBOT, ROBOT]')

    def test_a_bad_prefix(self):
        for prefix in ('acme', 'ACME_CORP', 'A', '"\xc4CME"'):
            self.refused(2, 'not a valid prefix',
                         f'prefixes:\n  {prefix}:\n    events: {{}}\n')

    def test_what_an_entry_needs(self):
        self.declared(5, 'the text is missing',
                      actions="{'001': {constant: X}}")
        self.declared(5, 'the constant is missing',
                      actions="{'001': {text: x}}")

    def test_a_bad_id_or_constant(self):
        self.declared(2, 'the id is not of the form',
                      actions="{'1': {constant: X, text: x}}")
        self.declared(2, 'the id is not of the form',
                      events="{'ACME_000001': {constant: X, text: x}}")
        self.declared(5, "'x' is not a constant",
                      actions="{'001': {constant: x, text: x}}")
        self.declared(5, 'the constant is empty or not a string',
                      actions="{'001': {constant: 5, text: x}}")
        self.declared(2, 'X stands twice', actions=(
            "{'001': {constant: X, text: x}, '002': {constant: X, text: x}}"))

    def test_bad_exceptions(self):
        for value in ('Boom', '[5]', '{Boom: x}'):
            self.declared(4, 'a list of names', details=(
                f"{{'001': {{constant: U, text: x, exceptions: {value}}}}}"))
        self.declared(2, 'Boom means two details', details=(
            "{'001': {constant: U, text: x, exceptions: [Boom]}, "
            "'002': {constant: V, text: x, exceptions: [Boom]}}"))

    def test_actions_need_the_unknown_detail_and_a_resource_type(self):
        self.declared(2, 'it needs the detail 001', details='{}',
                      actions="{'001': {constant: X, text: x}}")
        self.declared(2, 'it needs resource types', resource_types='[]',
                      actions="{'001': {constant: X, text: x}}")


# site -> entry points in it, modules in it
SITES = {
    'none': ({}, {}),
    'good': ({'ACME': 'acme_catalogue:NAMESPACE'}, {'acme_catalogue': '''
        from usermsg.catalogue import entries

        class Events:
            LOST = entries.Event('ACME_000001', 'The robot is lost.')

        NAMESPACE = entries.Namespace('ACME', events=Events)
        '''}),
    'import fails': ({'ACME': 'acme_broken:NAMESPACE'}, {'acme_broken': '''
        raise RuntimeError('no robots today')
        '''}),
    'entry refused': ({'ACME': 'acme_empty:NAMESPACE'}, {'acme_empty': '''
        from usermsg.catalogue import entries

        NAMESPACE = entries.Namespace('ACME', events=[
            entries.Event('ACME_1', '', constant='X')])
        '''}),
    'no such module': ({'ACME': 'acme_nowhere:NAMESPACE'}, {}),
    'no such name': ({'ACME': 'json:NAMESPACE'}, {}),
    'other name': ({'ROBOTS': 'acme_other:NAMESPACE'}, {'acme_other': '''
        from usermsg.catalogue import entries

        NAMESPACE = entries.Namespace('ACME')
        '''}),
    'no namespace': ({'ACME': 'json:dumps'}, {}),
    'prefix taken': ({'VOLUME': 'acme_volume:NAMESPACE'}, {'acme_volume': '''
        from usermsg.catalogue import entries

        NAMESPACE = entries.Namespace('VOLUME')
        '''}),
    'type taken': ({'ACME': 'acme_type:NAMESPACE'}, {'acme_type': '''
        from usermsg.catalogue import entries

        NAMESPACE = entries.Namespace('ACME', resource_types=['VOLUME'])
        '''}),
}

TRY = '''
import json
import sys

from stevedore import extension

from usermsg.catalogue import loader
from usermsg import exception

results = {}
for site in sys.argv[1:]:
    sys.path.insert(0, site)
    extension.ExtensionManager.ENTRY_POINT_CACHE.clear()
    try:
        known = loader.load()
        results[site] = [list(known.namespaces),
                         known.describe('ACME_000001').text]
    except exception.ConfigurationError as error:
        results[site] = str(error)
    sys.path.remove(site)
json.dump(results, sys.stdout)
'''


@functools.cache
def tried():
    """What came of each site: an error, or the prefixes and a text.

    In a process of its own, whose cache of entry points is its own too.
    """
    with tempfile.TemporaryDirectory() as directory:
        paths = {name: pathlib.Path(directory, name) for name in SITES}
        for name, (entry_points, modules) in SITES.items():
            information = paths[name] / 'acme-1.0.dist-info'
            information.mkdir(parents=True)
            (information / 'METADATA').write_text(
                'Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n')
            (information / 'entry_points.txt').write_text('\n'.join(
                [f'[{loader.ENTRY_POINTS}]', *map(
                    ' = '.join, entry_points.items()), '']))
            for module, text in modules.items():
                (paths[name] / f'{module}.py').write_text(
                    textwrap.dedent(text))
        result = subprocess.run(
            [sys.executable, '-c', TRY, *map(str, paths.values())],
            env={**os.environ, 'XDG_CACHE_HOME': directory},
            check=True, capture_output=True, text=True)
        found = json.loads(result.stdout)
    return {name: found[str(path)] for name, path in paths.items()}


class PlugInTest(base.TestCase):

    def refused(self, site, *parts):
        self.assertIsInstance(tried()[site], str)
        for part in ('plug-in', *parts):
            self.assertIn(part, tried()[site])

    def test_a_good_one(self):
        prefixes, text = tried()['good']
        self.assertEqual(['ACME', 'COMPUTE', 'IMAGE', 'SHARE', 'VOLUME'],
                         sorted(prefixes))
        self.assertEqual('The robot is lost.', text)

    def test_without_it_there_are_only_ours(self):
        prefixes, text = tried()['none']
        self.assertEqual(['COMPUTE', 'IMAGE', 'SHARE', 'VOLUME'],
                         sorted(prefixes))
        self.assertEqual(catalogue.UNKNOWN_EVENT, text)

    def test_one_that_fails_to_import(self):
        self.refused('import fails', 'ACME', 'acme_broken',
                     'no robots today')

    def test_one_with_an_entry_that_is_refused(self):
        self.refused('entry refused', 'acme_empty', 'ACME_1')

    def test_one_that_is_not_there(self):
        self.refused('no such module', 'ACME', 'acme_nowhere')
        self.refused('no such name', 'ACME', 'json:NAMESPACE')

    def test_one_whose_name_is_not_its_prefix(self):
        self.refused('other name', 'ROBOTS', 'ACME', 'acme_other')

    def test_one_that_is_not_a_namespace(self):
        self.refused('no namespace', 'ACME', 'json:dumps', 'Namespace')

    def test_one_with_a_prefix_that_is_taken(self):
        self.refused('prefix taken', 'VOLUME', 'Two')

    def test_one_with_a_resource_type_that_is_taken(self):
        self.assertIn('the resource type VOLUME belongs to both',
                      tried()['type taken'])
