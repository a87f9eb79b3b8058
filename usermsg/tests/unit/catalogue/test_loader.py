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
      '001': {constant: UNKNOWN_ERROR, text: The cause is not known.}
      '002': {constant: NO_POWER, text: It has no power., retryable: true,
              link: 'https://robots.example.org/', exceptions: [PowerFailure]}
'''

BUILT_IN = ['BAREMETAL', 'COMPUTE', 'CONTAINER_INFRA', 'DATABASE', 'DNS',
            'IMAGE', 'NETWORK', 'ORCHESTRATION', 'SHARE', 'VOLUME']


class OverlayTestCase(base.TestCase):

    def overlay(self, *texts):
        """Load a catalogue with an overlay of files a.yaml, b.yaml..."""
        for name, text in zip('abc', texts):
            self.write(f'overlay/{name}.yaml', textwrap.dedent(text))
        return loader.load(str(self.home / 'overlay'))


class RewordTest(OverlayTestCase):

    def test_overlay_rewords_text_remedy_and_link(self):
        description = self.overlay('''
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
            description)

    def test_attributes_that_are_not_reworded_stay_unchanged(self):
        before = loader.built_in().describe('VOLUME_VOLUME_002_021')
        description = self.overlay('''
            prefixes:
              VOLUME:
                actions: {'002': {text: fasten volume}}
                details: {'021': {remedy: Ask Ann.}}
            ''').describe('VOLUME_VOLUME_002_021')
        self.assertEqual(f'fasten volume: {before.text}',
                         description.user_message)
        self.assertEqual('Ask Ann.', description.remedy)
        self.assertEqual(before.retryable, description.retryable)

    def test_reworded_entry_keeps_constant_and_exceptions(self):
        overlaid = self.overlay('''
            prefixes:
              VOLUME: {details: {'003': {text: Full.}}}
            ''')
        event = overlaid.resolve(
            action='SCHEDULE_ALLOCATE_VOLUME', resource_type='VOLUME',
            exception=type('NoValidBackend', (Exception,), {}))
        self.assertEqual('003', event.detail_id)
        self.assertEqual('Full.', overlaid.describe(event.event_id).text)

    def test_overlay_does_not_change_other_catalogues(self):
        def describe(loaded):
            return [loaded.describe('VOLUME_000002', language)
                    for language in ('en', 'de', 'ja')]

        before = describe(loader.built_in())
        for language in ('en', 'de'):
            self.overlay(f'''
                language: {language}
                unknown_event: x
                prefixes: {{VOLUME: {{events: {{'000002': {{text: X}}}}}}}}
                ''')
        self.assertEqual(before, describe(loader.built_in()))
        self.assertEqual(before, describe(loader.load()))

    def test_reworded_text_replaces_built_in_translations(self):
        built_in = loader.built_in().describe('VOLUME_000002', 'de')
        overlaid = self.overlay('''
            prefixes: {VOLUME: {events: {'000002': {text: No room.}}}}
            ''')
        self.assertEqual('No room.',
                         overlaid.describe('VOLUME_000002', 'de').text)
        # The remedy is not reworded, so its translation still applies.
        self.assertEqual(built_in.remedy,
                         overlaid.describe('VOLUME_000002', 'de').remedy)

    def test_overlay_rewords_text_in_several_languages(self):
        # By name, the file of the other language would be read first.
        overlaid = self.overlay('''
            language: de
            prefixes: {VOLUME: {events: {'000002': {text: Kein Platz.}}}}
            ''', '''
            prefixes: {VOLUME: {events: {'000002': {text: No room.}}}}
            ''')
        for language, text in (('en', 'No room.'), ('de', 'Kein Platz.'),
                               ('ja', 'No room.')):
            self.assertEqual(
                text, overlaid.describe('VOLUME_000002', language).text)

    def test_overlay_rewords_a_translation_alone(self):
        overlaid = self.overlay('''
            language: de
            prefixes: {VOLUME: {events: {'000002': {text: Kein Platz.}}}}
            ''')
        description = overlaid.describe('VOLUME_000002', 'de')
        self.assertEqual('Kein Platz.', description.text)
        self.assertIn('Fordern Sie', description.remedy)
        self.assertEqual(loader.built_in().describe('VOLUME_000002'),
                         overlaid.describe('VOLUME_000002'))

    def test_overlay_adds_a_language(self):
        overlaid = self.overlay('''
            language: pt-BR
            unknown_event: N\xe3o sei.
            prefixes:
              VOLUME:
                actions: {'002': {text: anexar}}
            ''')
        self.assertIn('pt-BR', overlaid.languages)
        description = overlaid.describe('VOLUME_VOLUME_002_021', 'pt-BR')
        self.assertEqual('anexar', description.action)
        self.assertEqual(
            loader.built_in().describe('VOLUME_VOLUME_002_021').text,
            description.text)
        self.assertEqual('N\xe3o sei.', overlaid.describe('X', 'pt-BR').text)

    def test_overlay_rewords_the_general_text(self):
        overlaid = self.overlay('unknown_event: Ask Ann.\n',
                                'language: ja\nunknown_event: Ann-san\n')
        for language, text in (('en', 'Ask Ann.'), ('de', 'Ask Ann.'),
                               ('ja', 'Ann-san')):
            self.assertEqual(text, overlaid.describe('NOPE', language).text)

    def test_later_file_takes_precedence(self):
        overlaid = self.overlay(
            "prefixes: {VOLUME: {events: {'000002': {text: First.}}}}",
            "prefixes: {VOLUME: {events: {'000002': {text: Second.}}}}")
        self.assertEqual('Second.', overlaid.describe('VOLUME_000002').text)

    def test_files_without_content_change_nothing(self):
        overlaid = self.overlay('', '# nothing\n', 'prefixes:\n  VOLUME:\n')
        self.assertEqual(loader.built_in().languages, overlaid.languages)

    def test_other_files_than_yaml_are_ignored(self):
        self.write('overlay/README', '[')
        self.write('overlay/a.yaml.orig', '[')
        self.write('overlay/b.yml', 'unknown_event: Ask Ann.\n')
        self.assertEqual('Ask Ann.', self.overlay().describe('NOPE').text)

    def test_empty_directory_changes_nothing(self):
        (self.home / 'overlay').mkdir()
        self.assertEqual(loader.built_in().languages,
                         self.overlay().languages)

    def test_unknown_event_calls_on_unknown(self):
        calls = []
        loaded = loader.load(on_unknown=lambda: calls.append(1))
        loaded.describe('NOPE')
        self.assertEqual([1], calls)


class DeclareTest(OverlayTestCase):

    def test_overlay_declares_a_prefix(self):
        overlaid = self.overlay(ACME)
        event = overlaid.resolve(
            action='start', resource_type='robot_arm',
            exception=type('PowerFailure', (Exception,), {})())
        self.assertEqual('ACME_ROBOT_ARM_001_002', event.event_id)
        self.assertEqual(
            catalogue.Description(
                'It has no power.', action='start the robot', retryable=True,
                link='https://robots.example.org/'),
            overlaid.describe(event.event_id))
        self.assertEqual(
            catalogue.Description('The robot is lost.', user_fixable=True,
                                  remedy='Look under the sofa.'),
            overlaid.describe('ACME_000001'))

    def test_translation_of_declared_prefix_in_any_file_order(self):
        german = '''
            language: de
            prefixes:
              ACME:
                actions: {'001': {text: Roboter starten}}
                events: {'000001': {text: Weg., remedy: Suchen!}}
            '''
        for texts in ((ACME, german), (german, ACME)):
            overlaid = self.overlay(*texts)
            self.assertEqual(
                'Roboter starten: It has no power.',
                overlaid.describe('ACME_ROBOT_001_002', 'de').user_message)
            self.assertEqual('Suchen!',
                             overlaid.describe('ACME_000001', 'de').remedy)

    def test_later_file_rewords_declared_entry(self):
        overlaid = self.overlay(
            ACME, "prefixes: {ACME: {events: {'000001': {text: Gone.}}}}")
        self.assertEqual('Gone.', overlaid.describe('ACME_000001').text)
        self.assertEqual('Look under the sofa.',
                         overlaid.describe('ACME_000001').remedy)


class RefusedTestCase(OverlayTestCase):

    def refused(self, line, reason, text, before=()):
        """Check that the last of the files is refused, at a line.

        :param before: texts of the files that are read earlier
        """
        error = self.assertRaises(exception.ConfigurationError, self.overlay,
                                  *before, text)
        path = self.home / 'overlay' / f'{"abc"[len(before)]}.yaml'
        self.assertTrue(str(error).startswith(f'{path}:{line}: '), str(error))
        self.assertIn(reason, str(error))
        self.assertNotIn('\n', str(error))


class ErrorTest(RefusedTestCase):

    def events(self, values, language='en'):
        """Return a file with values of one event, from line 6 on."""
        return (f'language: {language}\nprefixes:\n  VOLUME:\n    events:\n'
                "      '000002':\n" + textwrap.indent(values, ' ' * 8))

    def test_unknown_keys_are_refused(self):
        self.refused(2, 'unknown key; allowed keys are language',
                     'language: en\nprefix: {}\n')
        self.refused(3, 'resource_types, events, actions, details',
                     'prefixes:\n  VOLUME:\n    event: {}\n')
        self.refused(7, 'user_fixable', self.events('text: x\ntext_: y'))
        self.refused(6, 'unknown key', self.events('constant: X'))
        self.refused(6, 'unknown key', self.events('exceptions: [X]'))
        self.refused(6, 'text, remedy', self.events(
            'link: https://example.org/', language='de'))
        self.refused(4, 'allowed keys are text.', 'prefixes:\n  VOLUME:\n'
                     "    actions:\n      '002': {remedy: Ask Ann.}\n")

    def test_duplicate_key_is_refused(self):
        self.refused(7, "duplicate key 'text'",
                     self.events('text: x\ntext: y'))

    def test_id_without_quotes_is_refused(self):
        self.refused(4, 'put it in quotes', 'prefixes:\n  VOLUME:\n'
                     '    actions:\n      002: {text: x}\n')

    def test_unknown_entry_is_refused(self):
        for kind, entry_id in (('events', '999999'), ('actions', '999'),
                               ('details', '999'), ('details', '1'),
                               ('events', 'VOLUME_000002')):
            for language in ('en', 'de'):
                self.refused(
                    5, 'VOLUME has no such entry',
                    f'language: {language}\nprefixes:\n  VOLUME:\n'
                    f"    {kind}:\n      '{entry_id}': {{text: x}}\n")

    def test_translation_of_unknown_prefix_is_refused(self):
        self.refused(3, 'no catalogue with this prefix', '\n'.join([
            'language: de', 'prefixes:', '  ACME:', '    events: {}']))

    def test_resource_types_of_existing_prefix_are_refused(self):
        text = 'prefixes:\n  VOLUME:\n    resource_types: [VOLUME_GROUP]\n'
        self.refused(3, 'resource types of VOLUME cannot be changed', text)
        self.refused(4, 'English', f'language: de\n{text}')

    def test_values_of_wrong_types_are_refused(self):
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

    def test_link_without_https_is_refused(self):
        for link in ('http://example.org/', 'example.org', 'ftp://x'):
            self.refused(6, 'https://', self.events(f'link: {link}'))

    def test_control_characters_are_refused(self):
        for text in (r'"a\nb"', r'"a\x07b"', r'"\e[1m"', r'"a\Nb"',
                     r'"a\Lb"', '|\n  a\n  b'):
            for key in ('text', 'remedy', 'link'):
                self.refused(6, 'line break or a control character',
                             self.events(f'{key}: {text}'))
        self.refused(1, 'control character', r'unknown_event: "a\nb"')

    def test_invalid_language_tag_is_refused(self):
        for tag in ('DE', 'german_', 'e', '5', 'no', 'null', '[de]', 'de_DE',
                    'de-', '""', '"de\\n"'):
            self.refused(2, 'is not a language tag',
                         f'unknown_event: x\nlanguage: {tag}\n')

    def test_invalid_yaml_is_refused(self):
        self.refused(2, 'not valid YAML', 'prefixes:\n\tVOLUME: {}\n')

    def test_file_that_is_not_utf_8_is_refused(self):
        path = pathlib.Path(self.write('overlay/a.yaml', ''))
        path.write_bytes('# gr\xfc\xdfe\n'.encode('latin-1'))
        error = self.assertRaises(exception.ConfigurationError, self.overlay)
        self.assertEqual(f'{path}:1: the file is not UTF-8.', str(error))

    def test_missing_directory_is_refused(self):
        path = self.home / 'overlay'
        error = self.assertRaises(exception.ConfigurationError, loader.load,
                                  path)
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))
        self.write('overlay', '')
        error = self.assertRaises(exception.ConfigurationError, loader.load,
                                  path)
        self.assertIn('Not a directory', str(error))

    def test_dangling_symbolic_link_is_refused(self):
        (self.home / 'overlay').mkdir()
        path = self.home / 'overlay' / 'a.yaml'
        path.symlink_to('nowhere')
        error = self.assertRaises(exception.ConfigurationError, self.overlay)
        self.assertTrue(str(error).startswith(f'{path}: '), str(error))

    def test_error_names_the_second_of_two_files(self):
        self.refused(1, 'unknown key', 'nope: 1\n', before=(ACME,))


class DeclareErrorTest(RefusedTestCase):

    def declared(self, line, reason, **parts):
        """Check that ACME with one or more parts replaced is refused."""
        lines = ['prefixes:', '  ACME:']
        for key, value in {'resource_types': '[ROBOT]',
                           'details': "{'001': {constant: U, text: x}}",
                           **parts}.items():
            lines.append(f'    {key}: {value}')
        self.refused(line, reason, '\n'.join(lines) + '\n')

    def test_resource_type_of_other_prefix_is_refused(self):
        self.declared(3, 'VOLUME belongs to VOLUME',
                      resource_types='[ROBOT, VOLUME]')
        self.refused(3, 'ROBOT belongs to ACME', 'prefixes:\n  OTHER:\n'
                     '    resource_types: [ROBOT]\n', before=(ACME,))

    def test_invalid_resource_types_are_refused(self):
        for value in ('ROBOT', '{ROBOT: x}', '[5]', '[[ROBOT]]'):
            self.declared(3, 'a list of names', resource_types=value)
        self.declared(2, 'is not a valid resource type',
                      resource_types='[robot]')
        self.declared(2, 'duplicate resource type ROBOT',
                      resource_types='[ROBOT, ROBOT]')

    def test_invalid_prefix_is_refused(self):
        for prefix in ('acme', 'ACME-CORP', 'A', '"\xc4CME"'):
            self.refused(2, 'not a valid prefix',
                         f'prefixes:\n  {prefix}:\n    events: {{}}\n')

    def test_entry_without_text_or_constant_is_refused(self):
        self.declared(5, 'the text is missing',
                      actions="{'001': {constant: X}}")
        self.declared(5, 'the constant is missing',
                      actions="{'001': {text: x}}")

    def test_invalid_id_or_constant_is_refused(self):
        self.declared(2, 'the id does not match',
                      actions="{'1': {constant: X, text: x}}")
        self.declared(2, 'the id does not match',
                      events="{'ACME_000001': {constant: X, text: x}}")
        self.declared(5, "'x' is not a valid constant",
                      actions="{'001': {constant: x, text: x}}")
        self.declared(5, 'the constant is empty or not a string',
                      actions="{'001': {constant: 5, text: x}}")
        self.declared(2, 'duplicate constant X', actions=(
            "{'001': {constant: X, text: x}, '002': {constant: X, text: x}}"))

    def test_invalid_exceptions_are_refused(self):
        for value in ('Boom', '[5]', '{Boom: x}'):
            self.declared(4, 'a list of names', details=(
                f"{{'001': {{constant: U, text: x, exceptions: {value}}}}}"))
        self.declared(2, 'Boom is mapped to two details', details=(
            "{'001': {constant: U, text: x, exceptions: [Boom]}, "
            "'002': {constant: V, text: x, exceptions: [Boom]}}"))

    def test_actions_require_unknown_detail_and_resource_type(self):
        self.declared(2, 'requires the detail 001', details='{}',
                      actions="{'001': {constant: X, text: x}}")
        self.declared(2, 'requires resource types', resource_types='[]',
                      actions="{'001': {constant: X, text: x}}")


# Name of a site -> (entry points, modules) in it.
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

LOAD_SITES = '''
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
        loaded = loader.load()
        results[site] = [list(loaded.namespaces),
                         loaded.describe('ACME_000001').text]
    except exception.ConfigurationError as error:
        results[site] = str(error)
    sys.path.remove(site)
json.dump(results, sys.stdout)
'''


@functools.cache
def load_sites():
    """Return name of a site -> an error, or [prefixes, text of an event].

    The sites are loaded in a separate process, because entry points are
    cached for the whole process.
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
            [sys.executable, '-c', LOAD_SITES, *map(str, paths.values())],
            env={**os.environ, 'XDG_CACHE_HOME': directory},
            check=True, capture_output=True, text=True)
        results = json.loads(result.stdout)
    return {name: results[str(path)] for name, path in paths.items()}


class PlugInTest(base.TestCase):

    def refused(self, site, *parts):
        self.assertIsInstance(load_sites()[site], str)
        for part in ('plug-in', *parts):
            self.assertIn(part, load_sites()[site])

    def test_valid_plug_in_is_loaded(self):
        prefixes, text = load_sites()['good']
        self.assertEqual(['ACME', *BUILT_IN], sorted(prefixes))
        self.assertEqual('The robot is lost.', text)

    def test_without_plug_in_only_built_in_catalogues_are_loaded(self):
        prefixes, text = load_sites()['none']
        self.assertEqual(BUILT_IN, sorted(prefixes))
        self.assertEqual(catalogue.UNKNOWN_EVENT, text)

    def test_plug_in_that_fails_to_import_is_refused(self):
        self.refused('import fails', 'ACME', 'acme_broken',
                     'no robots today')

    def test_plug_in_with_invalid_entry_is_refused(self):
        self.refused('entry refused', 'acme_empty', 'ACME_1')

    def test_missing_plug_in_object_is_refused(self):
        self.refused('no such module', 'ACME', 'acme_nowhere')
        self.refused('no such name', 'ACME', 'json:NAMESPACE')

    def test_plug_in_with_name_other_than_prefix_is_refused(self):
        self.refused('other name', 'ROBOTS', 'ACME', 'acme_other')

    def test_plug_in_that_is_no_namespace_is_refused(self):
        self.refused('no namespace', 'ACME', 'json:dumps', 'Namespace')

    def test_plug_in_with_duplicate_prefix_is_refused(self):
        self.refused('prefix taken', 'VOLUME', 'Two')

    def test_plug_in_with_duplicate_resource_type_is_refused(self):
        self.assertIn('the resource type VOLUME belongs to both',
                      load_sites()['type taken'])
