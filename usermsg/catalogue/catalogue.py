# SPDX-License-Identifier: Apache-2.0
"""Catalogue of permitted messages: lookup of entries and their texts.

A caller names an entry and never passes a text. All texts that users read
are therefore written in this project, in a plug-in or in an operator's
overlay, and no internals of a failing operation (paths, hosts, credentials)
can reach a user by accident.

This module looks up entries. :mod:`usermsg.catalogue.entries` defines their
attributes, and :mod:`usermsg.catalogue.loader` reads them.
"""

import dataclasses
import functools
import hashlib
import itertools
import operator
import types

from oslo_log import log

from usermsg.catalogue import entries
from usermsg import exception as errors
from usermsg import text
from usermsg import validation

LOG = log.getLogger(__name__)

#: Language of the entries in the code.
ENGLISH = 'en'

#: Prefix of bare event ids: block storage used them before prefixes existed.
BARE_PREFIX = 'VOLUME'

UNKNOWN_EVENT = ('The result of this operation cannot be described here. Give '
                 'your operator the event id and the request id.')


@dataclasses.dataclass(frozen=True, slots=True)
class ResolvedEvent:
    """Ids of a permitted message, as they are stored in a row."""

    event_id: str
    prefix: str
    resource_type: str | None
    action_id: str | None = None
    detail_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Description:
    """Texts and attributes of an event in one language.

    :param text: text of the event, or of the detail of a composed event
    :param action: text of the action; None if the event isn't composed
    """

    text: str
    action: str | None = None
    remedy: str | None = None
    user_fixable: bool = False
    retryable: bool = False
    link: str | None = None

    @functools.cached_property
    def user_message(self):
        return f'{self.action}: {self.text}' if self.action else self.text


class Catalogue:
    """Permitted messages in all languages. Immutable, so thread-safe.

    :param namespaces: an iterable of :class:`.entries.Namespace`
    :param translations: language -> prefix -> namespace in that language
    :param unknown_texts: language -> text for events that are not in the
        catalogue
    :param on_unknown: called without arguments each time an event that is
        not in the catalogue is described
    :raises usermsg.exception.ConfigurationError: two namespaces have the
        same prefix, share a resource type, or have an event id in common
    """

    #: Number of unknown ids of which the catalogue remembers that they have
    #: been logged; with more, some are logged again.
    MAX_LOGGED_UNKNOWN = 1000

    def __init__(self, namespaces, translations=None, unknown_texts=None,
                 on_unknown=None):
        by_prefix, by_resource_type = {}, {}
        for namespace in namespaces:
            if namespace.prefix in by_prefix:
                raise errors.ConfigurationError(
                    f'two catalogues have the prefix {namespace.prefix}.')
            by_prefix[namespace.prefix] = namespace
            for name in namespace.resource_types:
                if name in by_resource_type:
                    raise errors.ConfigurationError(
                        f'the resource type {name} belongs to both '
                        f'{by_resource_type[name].prefix} and '
                        f'{namespace.prefix}.')
                by_resource_type[name] = namespace
        self.namespaces = types.MappingProxyType(by_prefix)
        self._by_resource_type = by_resource_type
        self._languages = {ENGLISH: self.namespaces, **(translations or {})}
        self._unknown_texts = {ENGLISH: UNKNOWN_EVENT, **(unknown_texts or {})}
        self.languages = (ENGLISH, *sorted(
            (set(self._languages) | set(self._unknown_texts)) - {ENGLISH}))
        #: Event id -> :class:`ResolvedEvent` of all permitted messages,
        #: sorted by event id.
        self.resolved_events = {}
        for event in sorted(self._generate_events(),
                            key=operator.attrgetter('event_id')):
            other = self.resolved_events.setdefault(event.event_id, event)
            # Prefixes and resource types may contain underscores: ACME with
            # CORP_ROBOT and ACME_CORP with ROBOT have the same ids.
            if other is not event:
                raise errors.ConfigurationError(
                    f'the event {event.event_id} belongs to both '
                    f'{other.prefix} and {event.prefix}.')
        self._on_unknown = on_unknown
        self._described = {}
        self._log_once = functools.lru_cache(self.MAX_LOGGED_UNKNOWN)(
            _log_unknown)

    @functools.cached_property
    def digest(self):
        """Digest of all texts and attributes, equal on all hosts with them.

        In hexadecimal.
        """
        content = hashlib.sha256()
        for language in self.languages:
            content.update(repr((
                language, self._unknown_texts.get(language),
                [[prefix, namespace.resource_types,
                  [list(getattr(namespace, kind).values())
                   for kind in entries.KINDS]]
                 for prefix, namespace in
                 sorted(self._namespaces(language).items())])).encode())
        return content.hexdigest()

    # -- parameters of a caller to ids ------------------------------------

    def resolve(self, *, event_id=None, action=None, detail=None,
                exception=None, resource_type=None):
        """Return the :class:`ResolvedEvent` for a caller's parameters.

        :param event_id: id of a whole or composed event; exactly one of
            this and ``action`` is required
        :param action: an :class:`.entries.Action`, its id or its constant
        :param detail: a :class:`.entries.Detail`, its id or its constant
        :param exception: an exception or its class; if the catalogue maps
            it to a detail, that detail takes precedence over ``detail``
        :param resource_type: upper or lower case; required with ``action``
        :raises usermsg.exception.NotPermitted: names the parameter that is
            not in the catalogue, or not allowed with the others
        """
        if (event_id is None) == (action is None):
            raise errors.NotPermitted(
                'event_id', 'exactly one of event_id and action is '
                'required.')
        if resource_type is not None:
            resource_type = self.check_resource_type(resource_type)
        if action is not None:
            return self._resolve_composed(
                action, detail, exception, resource_type)
        for field, value in (('detail', detail), ('exception', exception)):
            if value is not None:
                raise errors.NotPermitted(
                    field, 'is allowed only with action, not with event_id.')
        return self._resolve_event_id(event_id, resource_type)

    def check_resource_type(self, name):
        """Return a resource type in upper case.

        :raises usermsg.exception.NotPermitted: it isn't in the catalogue
        """
        upper = validation.upper_case(name)
        if upper not in self._by_resource_type:
            raise errors.NotPermitted(
                'resource_type',
                f'{text.quoted(name)} is not in the catalogue.')
        return upper

    def expand_event_id(self, event_id):
        """Return an event id with its prefix, also for a bare one."""
        if isinstance(event_id, str) and entries.BARE_ID.fullmatch(event_id):
            return f'{BARE_PREFIX}_{event_id}'
        return event_id

    def _resolve_event_id(self, event_id, resource_type):
        try:
            event = self.find(event_id)
        except errors.DefinitionNotFound:
            raise errors.NotPermitted(
                'event_id',
                f'{text.quoted(event_id)} is not in the catalogue.') from None
        if event.resource_type is None:
            return dataclasses.replace(event, resource_type=resource_type)
        if resource_type not in (None, event.resource_type):
            raise errors.NotPermitted(
                'resource_type', f'must be {event.resource_type} for the '
                f'event {event.event_id}.')
        return event

    def _resolve_composed(self, action, detail, exception, resource_type):
        if resource_type is None:
            raise errors.NotPermitted(
                'resource_type', 'is required with action.')
        namespace = self._by_resource_type[resource_type]
        action = _find_entry(
            'action', action, namespace.actions, namespace.prefix)
        if detail is None:
            detail = entries.Namespace.UNKNOWN_DETAIL
        detail = _find_entry(
            'detail', detail, namespace.details, namespace.prefix)
        if exception is not None:
            if not isinstance(exception, (BaseException, type)):
                raise errors.NotPermitted(
                    'exception', 'must be an exception or its class.')
            detail = namespace.find_detail(exception) or detail
        return self.resolved_events[
            f'{namespace.prefix}_{resource_type}_{action.id}_{detail.id}']

    def find(self, event_id):
        """Return the :class:`ResolvedEvent` of a whole or composed event id.

        :raises usermsg.exception.DefinitionNotFound: it isn't in the
            catalogue
        """
        try:
            return self.resolved_events[self.expand_event_id(event_id)]
        except (KeyError, TypeError):  # TypeError: not hashable
            raise errors.DefinitionNotFound() from None

    def _generate_events(self):
        for prefix, namespace in self.namespaces.items():
            for event_id in namespace.events:
                yield ResolvedEvent(event_id, prefix, None)
            for resource_type, action, detail in itertools.product(
                    namespace.resource_types, namespace.actions,
                    namespace.details):
                yield ResolvedEvent(
                    f'{prefix}_{resource_type}_{action}_{detail}',
                    prefix, resource_type, action, detail)

    # -- ids to texts -----------------------------------------------------

    def describe(self, event_id, language=ENGLISH):
        """Return the :class:`Description` of a stored event id. Never fails.

        During a rolling upgrade, another host may have stored an event that
        the catalogue of this host doesn't contain yet; its description is a
        general text.
        """
        try:
            return self._described[event_id, language]
        except KeyError:
            event = self.resolved_events.get(event_id)
        if language not in self.languages:
            language = ENGLISH
        if event is None:
            return self._describe_unknown(event_id, language)
        namespace = self._namespaces(language)[event.prefix]
        entry = namespace.events.get(
            event_id) or namespace.details[event.detail_id]
        action = namespace.actions.get(event.action_id)
        description = Description(
            text=entry.text, action=action and action.text,
            remedy=entry.remedy, user_fixable=entry.user_fixable,
            retryable=entry.retryable, link=entry.link)
        # Bounded by the size of the catalogue: unknown ids and unknown
        # languages are not cached.
        self._described[event_id, language] = description
        return description

    def texts(self, language=ENGLISH, prefix=None):
        """Yield (prefix, kind, id, constant, text, remedy) of each entry."""
        for namespace in self._namespaces(language).values():
            if prefix in (None, namespace.prefix):
                for kind in entries.KINDS:
                    for entry in getattr(namespace, kind).values():
                        yield (namespace.prefix, kind[:-1], entry.id,
                               entry.constant, entry.text,
                               getattr(entry, 'remedy', None))

    def _namespaces(self, language):
        # A language may have no translations except the text for unknown
        # events.
        return self._languages.get(language, self.namespaces)

    def _describe_unknown(self, event_id, language):
        if self._on_unknown is not None:
            self._on_unknown()
        self._log_once(event_id)
        return Description(text=self._unknown_texts.get(
            language, self._unknown_texts[ENGLISH]))


def _log_unknown(event_id):
    LOG.warning('Event %r is not in the catalogue of this host; its messages '
                'are shown with a general text. Check whether an upgrade or '
                'a catalogue plug-in is missing on this host.', event_id)


def _find_entry(field, value, by_id, prefix):
    """Return the entry for an id, a constant or an entry."""
    if isinstance(value, entries.Constant):
        entry = by_id.get(value.id)
        # An entry of another prefix may have the same id.
        if entry is not None and entry.constant == value.constant:
            return entry
        value = value.constant
    elif isinstance(value, str):
        if value in by_id:
            return by_id[value]
        constant = validation.upper_case(value)
        for entry in by_id.values():
            if entry.constant == constant:
                return entry
    raise errors.NotPermitted(
        field, f'{text.quoted(value)} is not one of the {field}s of {prefix}.')
