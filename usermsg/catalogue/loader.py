# SPDX-License-Identifier: Apache-2.0
"""Where the catalogue comes from: plug-ins, languages, the overlay.

A plug-in is an entry point in the group ``usermsg.catalogue`` whose name is
its prefix and whose object is a
:class:`usermsg.catalogue.entries.Namespace`.

Translations and an operator's overlay are YAML files of one form::

    language: en            # of the words in this file; en if left out
    unknown_event: ...      # what to say of an event not in the catalogue
    prefixes:
      VOLUME:               # rewords entries that exist
        details:
          '003': {remedy: ..., link: 'https://...'}
      ACME:                 # declares entries under a prefix of its own
        resource_types: [ACME_ROBOT]
        actions:
          '001': {constant: START, text: start the robot}
        details:
          '001': {constant: UNKNOWN_ERROR, text: ...}

An overlay is a directory of such files, read in the order of their names.
"""

import dataclasses
import functools
import os
import pathlib
import re

from stevedore import extension

from usermsg.catalogue import catalogue
from usermsg.catalogue import entries
from usermsg import exception
from usermsg import yamlfile

ENTRY_POINTS = 'usermsg.catalogue'

_LANGUAGE = re.compile(r'[a-z]{2,3}(-[A-Za-z0-9]{2,8})*')
#: Kind -> the attributes that a file may have: for an entry of its own, to
#: reword one, and to translate one.
_DECLARABLE = {
    kind: [field.name for field in dataclasses.fields(entry)
           if field.name != 'id']
    for kind, entry in entries.KINDS.items()}
_REWORDABLE = {
    kind: [name for name in names if name not in ('constant', 'exceptions')]
    for kind, names in _DECLARABLE.items()}
_TRANSLATABLE = {
    kind: [name for name in names if name in ('text', 'remedy')]
    for kind, names in _DECLARABLE.items()}


def load(overlay_dir=None, on_unknown=None):
    """The catalogue as this host knows it.

    :param overlay_dir: an operator's directory of YAML files, or None
    :param on_unknown: see :class:`usermsg.catalogue.catalogue.Catalogue`
    :raises usermsg.exception.ConfigurationError: names the plug-in or the
        file, the line and what is wrong
    """
    draft = _Draft(_plug_ins())
    for document in _translations():
        draft.add(document)
    if overlay_dir:
        # What is English first: a translation needs its entry.
        documents = [_Document(path) for path in _yaml_files(overlay_dir)]
        documents.sort(
            key=lambda document: document.language != catalogue.ENGLISH)
        for document in documents:
            draft.add(document)
    english = draft.languages.pop(catalogue.ENGLISH)
    return catalogue.Catalogue(english.values(), draft.languages,
                               draft.unknown_texts, on_unknown)


@functools.cache
def built_in():
    """The catalogue without an overlay. Frozen, so one is enough."""
    return load()


@functools.cache
def _translations():
    """Ours. To read them takes most of the time that a catalogue takes."""
    return [_Document(path) for path in _yaml_files(
        pathlib.Path(__file__).with_name('languages'))]


def _plug_ins():
    """Prefix -> namespace."""
    def fail(_manager, entry_point, error):
        raise exception.ConfigurationError(
            f'The catalogue plug-in {entry_point.name} '
            f'({entry_point.value}) cannot be loaded: {error}')

    namespaces = {}
    for plug_in in extension.ExtensionManager(
            ENTRY_POINTS, on_load_failure_callback=fail):
        namespace = plug_in.plugin
        about = (f'The catalogue plug-in {plug_in.name} '
                 f'({plug_in.entry_point_target})')
        if not isinstance(namespace, entries.Namespace):
            raise exception.ConfigurationError(f'{about} is not a Namespace.')
        if namespace.prefix != plug_in.name:
            raise exception.ConfigurationError(
                f'{about} has the prefix {namespace.prefix}; the two must be '
                f'equal.')
        if plug_in.name in namespaces:
            raise exception.ConfigurationError(
                f'Two catalogue plug-ins are named {plug_in.name}; one is '
                f'{plug_in.entry_point_target}.')
        namespaces[plug_in.name] = namespace
    return namespaces


def _yaml_files(directory):
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise exception.ConfigurationError(
            f'the directory cannot be read: {error.strerror}.',
            directory) from None
    return [pathlib.Path(directory, name) for name in names
            if name.endswith(('.yaml', '.yml'))]


class _Document:
    """One file, its outer form checked."""

    def __init__(self, path):
        self.path = path
        content = yamlfile.load(path)
        if content is None:
            content = yamlfile.Mapping(1)
        if not isinstance(content, yamlfile.Mapping):
            raise exception.ConfigurationError(
                'the file must be a mapping with the key "prefixes".', path,
                1)
        self.keys(content, ('language', 'unknown_event', 'prefixes'))
        self.language = content.get('language', catalogue.ENGLISH)
        if not (isinstance(self.language, str) and
                _LANGUAGE.fullmatch(self.language)):
            self.fail(content, 'language',
                      f'{self.language!r} is not a language tag such as de '
                      f'or pt-BR')
        self.unknown_event = content.get('unknown_event')
        problem = entries.text_problem('text', self.unknown_event)
        if problem:
            self.fail(content, 'unknown_event', problem)
        self.prefixes = self.mapping(content, 'prefixes')

    def fail(self, mapping, key, problem):
        raise exception.ConfigurationError(
            f'{key}: {problem}.', self.path, mapping.line_of(key))

    def keys(self, mapping, allowed):
        for key in mapping:
            if key not in allowed:
                self.fail(mapping, key, 'this key is not known here; it can '
                          'be ' + ', '.join(allowed))

    def mapping(self, parent, key):
        value = parent.get(key)
        if value is None:
            return yamlfile.Mapping(parent.line_of(key))
        if not isinstance(value, yamlfile.Mapping):
            self.fail(parent, key, 'this must be a mapping')
        return value


class _Draft:
    """A catalogue in the making.

    :param namespaces: prefix -> namespace, in English
    :ivar languages: language -> the same, in that language; in English what
        isn't translated
    """

    def __init__(self, namespaces):
        self.languages = {catalogue.ENGLISH: namespaces}
        self.unknown_texts = {}

    def add(self, document):
        english = self.languages[catalogue.ENGLISH]
        if document.unknown_event:
            self.unknown_texts[document.language] = document.unknown_event
            if document.language == catalogue.ENGLISH:
                self.unknown_texts = {
                    catalogue.ENGLISH: document.unknown_event}
        for prefix in document.prefixes:
            content = document.mapping(document.prefixes, prefix)
            document.keys(content, ('resource_types', *entries.KINDS))
            if document.language != catalogue.ENGLISH:
                if prefix not in english:
                    document.fail(document.prefixes, prefix,
                                  'there is no catalogue with this prefix to '
                                  'translate')
                self._reword(document, prefix, content, _TRANSLATABLE, [
                    self.languages.setdefault(
                        document.language, dict(english))])
            elif prefix in english:
                # A translation of the words that were there before says
                # something else than the operator does: theirs win.
                self._reword(document, prefix, content, _REWORDABLE,
                             self.languages.values())
            elif prefix.upper() in english:
                document.fail(document.prefixes, prefix,
                              f'write it as {prefix.upper()}')
            else:
                namespace = self._declared(document, prefix, content)
                for namespaces in self.languages.values():
                    namespaces[prefix] = namespace

    def _entries(self, document, prefix, content, allowed):
        """(kind, id, attributes, what fails there) of entries in a file."""
        for kind in entries.KINDS:
            found = document.mapping(content, kind)
            for entry_id in found:
                values = document.mapping(found, entry_id)
                document.keys(values, allowed[kind])
                for attribute, value in values.items():
                    problem = _value_problem(attribute, value)
                    if problem:
                        document.fail(values, attribute, problem)
                yield (kind,
                       f'{prefix}_{entry_id}' if kind == 'events' else
                       entry_id,
                       values,
                       functools.partial(document.fail, found, entry_id))

    def _reword(self, document, prefix, content, allowed, languages):
        if 'resource_types' in content:
            document.fail(content, 'resource_types',
                          f'{prefix} has its own; new ones go under a prefix '
                          f'of your own, into its English file')
        for namespaces in languages:
            reworded = {kind: dict(getattr(namespaces[prefix], kind))
                        for kind in entries.KINDS}
            for kind, entry_id, values, fail in self._entries(
                    document, prefix, content, allowed):
                entry = reworded[kind].get(entry_id)
                if entry is None:
                    fail(f'{prefix} has no such entry among its {kind}; new '
                         f'ones go under a prefix of your own')
                reworded[kind][entry_id] = dataclasses.replace(entry, **values)
            namespaces[prefix] = entries.Namespace(
                prefix, resource_types=namespaces[prefix].resource_types,
                **{kind: found.values() for kind, found in reworded.items()})

    def _declared(self, document, prefix, content):
        declared = {kind: [] for kind in entries.KINDS}
        for kind, entry_id, values, fail in self._entries(
                document, prefix, content, _DECLARABLE):
            for attribute in ('constant', 'text'):
                if attribute not in values:
                    fail(f'the {attribute} is missing')
            if 'exceptions' in values:
                values = {**values,
                          'exceptions': tuple(values['exceptions'])}
            declared[kind].append(entries.KINDS[kind](entry_id, **values))
        resource_types = content.get('resource_types') or ()
        if not _is_list_of_strings(resource_types):
            document.fail(content, 'resource_types',
                          'this must be a list of names')
        for name in resource_types:
            for other in self.languages[catalogue.ENGLISH].values():
                if name in other.resource_types:
                    document.fail(content, 'resource_types',
                                  f'{name} belongs to {other.prefix}')
        try:
            return entries.Namespace(
                prefix, resource_types=resource_types, **declared)
        except exception.ConfigurationError as error:
            raise exception.ConfigurationError(
                str(error), document.path,
                document.prefixes.line_of(prefix)) from None


def _value_problem(attribute, value):
    if attribute in ('user_fixable', 'retryable'):
        return None if isinstance(value, bool) else 'this is true or false'
    if attribute == 'exceptions':
        return (None if _is_list_of_strings(value) else
                'this must be a list of class names')
    if value is None:
        return f'the {attribute} is empty'
    return entries.text_problem(attribute, value)


def _is_list_of_strings(value):
    return (isinstance(value, (list, tuple)) and
            all(isinstance(item, str) for item in value))
