# SPDX-License-Identifier: Apache-2.0
"""Loading of the catalogue from plug-ins, translations and the overlay.

A plug-in is an entry point in the group ``usermsg.catalogue`` whose name is
its prefix and whose object is a
:class:`usermsg.catalogue.entries.Namespace`.

Translations and an operator's overlay are YAML files with one schema::

    language: en            # language of the texts in this file; default en
    unknown_event: ...      # text for events that are not in the catalogue
    prefixes:
      VOLUME:               # rewords existing entries
        details:
          '003': {remedy: ..., link: 'https://...'}
      ACME:                 # declares entries under a new prefix
        resource_types: [ACME_ROBOT]
        actions:
          '001': {constant: START, text: start the robot}
        details:
          '001': {constant: UNKNOWN_ERROR, text: ...}

An overlay is a directory of such files, read in the order of their names.
"""

import dataclasses
import functools
import pathlib
import re

from stevedore import extension

from usermsg.catalogue import catalogue
from usermsg.catalogue import entries
from usermsg import exception
from usermsg import yamlfile

ENTRY_POINTS = 'usermsg.catalogue'

_LANGUAGE = re.compile(r'[a-z]{2,3}(-[A-Za-z0-9]{2,8})*')
#: Attributes of an entry that a file may contain: to translate the entry, to
#: reword it, and to declare a new one.
_TRANSLATABLE = ('text', 'remedy')
_REWORDABLE = (*_TRANSLATABLE, 'user_fixable', 'retryable', 'link')
_DECLARABLE = ('constant', *_REWORDABLE, 'exceptions')


def load(overlay_dir=None, on_unknown=None):
    """Load the catalogue of this host.

    :param overlay_dir: an operator's directory of YAML files, or None
    :param on_unknown: see :class:`usermsg.catalogue.catalogue.Catalogue`
    :returns: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :raises usermsg.exception.ConfigurationError: names the plug-in, or the
        file and line, and the reason
    """
    builder = _Builder(_load_plug_ins())
    for document in _read_translations():
        builder.add(document)
    if overlay_dir:
        # English files first: a translation requires its entry.
        documents = [_Document(path)
                     for path in yamlfile.files(overlay_dir)]
        documents.sort(
            key=lambda document: document.language != catalogue.ENGLISH)
        for document in documents:
            builder.add(document)
    english = builder.languages.pop(catalogue.ENGLISH)
    return catalogue.Catalogue(english.values(), builder.languages,
                               builder.unknown_texts, on_unknown)


@functools.cache
def built_in():
    """Return the catalogue without an overlay. It is immutable and cached."""
    return load()


@functools.cache
def _read_translations():
    """Read the built-in translations.

    Cached, because reading them takes most of the time of loading a
    catalogue.
    """
    return [_Document(path) for path in yamlfile.files(
        pathlib.Path(__file__).with_name('languages'))]


def _load_plug_ins():
    """Return a dict from prefix to namespace."""
    def fail(_manager, entry_point, error):
        raise exception.ConfigurationError(
            f'The catalogue plug-in {entry_point.name} '
            f'({entry_point.value}) cannot be loaded: {error}')

    namespaces = {}
    for plug_in in extension.ExtensionManager(
            ENTRY_POINTS, on_load_failure_callback=fail):
        namespace = plug_in.plugin
        label = (f'The catalogue plug-in {plug_in.name} '
                 f'({plug_in.entry_point_target})')
        if not isinstance(namespace, entries.Namespace):
            raise exception.ConfigurationError(f'{label} is not a Namespace.')
        if namespace.prefix != plug_in.name:
            raise exception.ConfigurationError(
                f'{label} has the prefix {namespace.prefix}; its name and '
                f'prefix must be equal.')
        if plug_in.name in namespaces:
            raise exception.ConfigurationError(
                f'Two catalogue plug-ins are named {plug_in.name}; one is '
                f'{plug_in.entry_point_target}.')
        namespaces[plug_in.name] = namespace
    return namespaces


class _Document:
    """File with translations or an overlay, its top level validated."""

    def __init__(self, path):
        self.path = path
        self._content = yamlfile.load(path)
        content = self.mapping(keys=('language', 'unknown_event', 'prefixes'))
        self.language = content.get('language', catalogue.ENGLISH)
        if not (isinstance(self.language, str) and
                _LANGUAGE.fullmatch(self.language)):
            raise self.error(f'{self.language!r} is not a language tag such '
                             f'as de or pt-BR', 'language')
        self.unknown_event = content.get('unknown_event')
        if self.unknown_event is not None:
            self.check(self.unknown_event, 'unknown_event')
        for prefix in self.mapping('prefixes'):
            self.mapping('prefixes', prefix,
                         keys=('resource_types', *entries.KINDS))

    def error(self, problem, *place):
        """Return an error about the value at a path of keys."""
        mapping = self._content
        for key in place:
            line = mapping.line_of(key)
            if not isinstance(mapping.get(key), yamlfile.Mapping):
                break
            mapping = mapping[key]
        return exception.ConfigurationError(
            f'{place[-1]}: {problem}.', self.path, line)

    def check(self, value, *place):
        """Raise an error if a value is invalid for the last key of a path."""
        problem = (f'the {place[-1]} is empty' if value is None else
                   entries.value_problem(place[-1], value))
        if problem:
            raise self.error(problem, *place)

    def mapping(self, *place, keys=None):
        """Return the mapping at a path of keys, empty if it is missing.

        :param place: path of keys; all values before the last are mappings
        :param keys: keys that the mapping may have; any if None
        """
        mapping = self._content
        for key in place:
            mapping = mapping.get(key)
            if mapping is None:
                return {}
        if not isinstance(mapping, yamlfile.Mapping):
            raise self.error('the value must be a mapping', *place)
        for key in mapping:
            if keys is not None and key not in keys:
                raise self.error('unknown key; allowed keys are ' +
                                 ', '.join(keys), *place, key)
        return mapping

    def entries(self, prefix, allowed):
        """Yield (kind, id, attributes, place) of each entry of a prefix.

        :param allowed: names of the attributes that an entry may have
        """
        for kind, entry_type in entries.KINDS.items():
            names = {field.name for field in dataclasses.fields(entry_type)}
            for key in self.mapping('prefixes', prefix, kind):
                place = 'prefixes', prefix, kind, key
                values = self.mapping(*place, keys=[
                    name for name in allowed if name in names])
                for attribute, value in values.items():
                    self.check(value, *place, attribute)
                yield (kind, f'{prefix}_{key}' if kind == 'events' else key,
                       values, place)


class _Builder:
    """Builder of a catalogue, to which documents are added.

    :param namespaces: prefix -> namespace, in English
    :ivar languages: language -> prefix -> namespace in that language, in
        which entries without a translation are English
    :ivar unknown_texts: language -> text for unknown events
    """

    def __init__(self, namespaces):
        self.languages = {catalogue.ENGLISH: namespaces}
        self.unknown_texts = {}

    def add(self, document):
        english = self.languages[catalogue.ENGLISH]
        if document.unknown_event:
            if document.language == catalogue.ENGLISH:
                # The existing translations are those of another text.
                self.unknown_texts.clear()
            self.unknown_texts[document.language] = document.unknown_event
        for prefix in document.mapping('prefixes'):
            # The existing translations of a reworded text differ in meaning
            # from the operator's text, so that text replaces them.
            allowed, languages = _REWORDABLE, self.languages.values()
            if document.language != catalogue.ENGLISH:
                if prefix not in english:
                    raise document.error(
                        'there is no catalogue with this prefix to translate',
                        'prefixes', prefix)
                allowed, languages = _TRANSLATABLE, [
                    self.languages.setdefault(
                        document.language, dict(english))]
            elif prefix not in english:
                if prefix.upper() in english:
                    raise document.error(f'write it as {prefix.upper()}',
                                         'prefixes', prefix)
                allowed = _DECLARABLE
            for namespaces in languages:
                namespaces[prefix] = self._apply(
                    document, prefix, namespaces.get(prefix), allowed)

    def _apply(self, document, prefix, namespace, allowed):
        """Return a namespace with the entries of a file applied.

        :param namespace: None for a new one
        """
        resource_types = self._resource_types(document, prefix, namespace)
        by_kind = {kind: dict(getattr(namespace, kind, ()))
                   for kind in entries.KINDS}
        for kind, entry_id, values, place in document.entries(
                prefix, allowed):
            entry = by_kind[kind].get(entry_id)
            if namespace is None:
                for attribute in ('constant', 'text'):
                    if attribute not in values:
                        raise document.error(f'the {attribute} is missing',
                                             *place)
                entry = entries.KINDS[kind](entry_id, '')
            elif entry is None:
                raise document.error(
                    f'{prefix} has no such entry in its {kind}; declare new '
                    f'entries under a separate prefix', *place)
            by_kind[kind][entry_id] = dataclasses.replace(entry, **values)
        try:
            return entries.Namespace(
                prefix, resource_types=resource_types,
                **{kind: by_id.values() for kind, by_id in by_kind.items()})
        except exception.ConfigurationError as error:
            raise document.error(str(error).removesuffix('.'), 'prefixes',
                                 prefix) from None

    def _resource_types(self, document, prefix, namespace):
        place = 'prefixes', prefix, 'resource_types'
        names = document.mapping('prefixes', prefix).get('resource_types')
        if names is None:
            return () if namespace is None else namespace.resource_types
        if namespace is not None:
            raise document.error(
                f'the resource types of {prefix} cannot be changed; declare '
                f'new ones under a separate prefix, in its English file',
                *place)
        document.check(names, *place)
        for other in self.languages[catalogue.ENGLISH].values():
            for name in set(names).intersection(other.resource_types):
                if other.prefix != prefix:
                    raise document.error(f'{name} belongs to {other.prefix}',
                                         *place)
        return names
