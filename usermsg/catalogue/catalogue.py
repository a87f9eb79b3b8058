# SPDX-License-Identifier: Apache-2.0
"""What may be said to a user: the entries, and how they make a message.

A caller names an entry, never a text. So whatever a user reads was written
here, in a plug-in or in an operator's overlay, and nothing that a failing
operation knows (paths, hosts, credentials) can reach a user by accident.

This module knows how to find entries. Their shape is left to
:mod:`usermsg.catalogue.entries`, and where they come from to
:mod:`usermsg.catalogue.loader`.
"""

import dataclasses
import functools
import itertools
import operator
import threading
import types

from oslo_log import log

from usermsg.catalogue import entries
from usermsg import exception as errors
from usermsg import text
from usermsg import validation

LOG = log.getLogger(__name__)

#: The language of the entries themselves.
ENGLISH = 'en'

#: Before prefixes existed, block storage wrote its events bare.
BARE_PREFIX = 'VOLUME'

UNKNOWN_EVENT = ('The outcome of this operation cannot be described here. '
                 'Ask your operator, giving the event id and request id.')


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What happened, in ids of the catalogue: all that a row keeps of it."""

    event_id: str
    prefix: str
    resource_type: str | None
    action_id: str | None = None
    detail_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Description:
    """An outcome in words of one language.

    :param action: None for an event that isn't composed
    :param text: of the event, or of the detail
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
    """Every permitted message, in every language; frozen, so thread-safe.

    :param namespaces: an iterable of :class:`.entries.Namespace`
    :param translations: language -> (prefix, kind, id) -> {'text': ...,
        'remedy': ...}, where kind is ``events``, ``actions`` or
        ``details``
    :param unknown_texts: language -> what to say of an event that isn't here
    :param on_unknown: called without arguments whenever such an event is
        described
    :raises usermsg.exception.ConfigurationError: two namespaces have a
        prefix or a resource type in common
    """

    #: As many unknown ids are remembered as logged; more are logged again.
    REMEMBERED_UNKNOWN = 1000

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
        self._translations = translations or {}
        self._unknown_texts = {ENGLISH: UNKNOWN_EVENT, **(unknown_texts or {})}
        self.languages = (ENGLISH, *sorted(
            (set(self._translations) | set(self._unknown_texts)) - {ENGLISH}))
        self._on_unknown = on_unknown
        self._described = {}
        self._logged = set()
        self._logged_lock = threading.Lock()

    # -- from a caller's words to ids -------------------------------------

    def outcome(self, *, event_id=None, action=None, detail=None,
                exception=None, resource_type=None):
        """The ids of what a caller says has happened.

        :param event_id: whole or composed; exactly one of it and ``action``
        :param action: an :class:`.entries.Action`, its id or its constant
        :param detail: a :class:`.entries.Detail`, its id or its constant
        :param exception: an exception or its class; where the catalogue
            maps it to a detail, that one wins over ``detail``
        :param resource_type: in any case; required with ``action``
        :raises usermsg.exception.NotPermitted: names what isn't here
        """
        if (event_id is None) == (action is None):
            raise errors.NotPermitted(
                'event_id', 'give exactly one of event_id and action.')
        if resource_type is not None:
            resource_type = self.resource_type(resource_type)
        if action is not None:
            return self._composed(action, detail, exception, resource_type)
        for field, value in (('detail', detail), ('exception', exception)):
            if value is not None:
                raise errors.NotPermitted(
                    field, 'goes with action, not with event_id.')
        return self._whole(event_id, resource_type)

    def resource_type(self, name):
        """The name in the catalogue's case.

        :raises usermsg.exception.NotPermitted: it isn't in the catalogue
        """
        upper = validation.upper_case(name)
        if upper not in self._by_resource_type:
            raise errors.NotPermitted(
                'resource_type',
                f'{text.quoted(name)} is not in the catalogue.')
        return upper

    def event_id(self, event_id):
        """The full form of an event id: a bare one gets its prefix."""
        if isinstance(event_id, str) and entries.BARE_ID.fullmatch(event_id):
            return f'{BARE_PREFIX}_{event_id}'
        return event_id

    def _whole(self, given, resource_type):
        event_id = self.event_id(given)
        found = self._find(event_id)
        if found is None:
            raise errors.NotPermitted(
                'event_id', f'{text.quoted(given)} is not in the catalogue.')
        namespace, _event, action, detail, own_type = found
        if action is None:
            return Outcome(event_id, namespace.prefix, resource_type)
        if resource_type not in (None, own_type):
            raise errors.NotPermitted(
                'resource_type', f'{event_id} speaks of {own_type}.')
        return Outcome(event_id, namespace.prefix, own_type, action.id,
                       detail.id)

    def _composed(self, action, detail, exception, resource_type):
        if resource_type is None:
            raise errors.NotPermitted(
                'resource_type', 'is required with action.')
        namespace = self._by_resource_type[resource_type]
        action = _pick('action', action, namespace.actions, namespace.prefix)
        if detail is None:
            detail = entries.Namespace.UNKNOWN_DETAIL
        detail = _pick('detail', detail, namespace.details, namespace.prefix)
        if exception is not None:
            if not isinstance(exception, (BaseException, type)):
                raise errors.NotPermitted(
                    'exception', 'must be an exception or its class.')
            detail = namespace.detail_of(exception) or detail
        return Outcome(
            f'{namespace.prefix}_{resource_type}_{action.id}_{detail.id}',
            namespace.prefix, resource_type, action.id, detail.id)

    def find(self, event_id):
        """The :class:`Outcome` of an event id, whole or composed.

        :raises usermsg.exception.DefinitionNotFound: it isn't here
        """
        event_id = self.event_id(event_id)
        found = self._find(event_id)
        if found is None:
            raise errors.DefinitionNotFound()
        namespace, _event, action, detail, resource_type = found
        return Outcome(event_id, namespace.prefix, resource_type,
                       action and action.id, detail and detail.id)

    @functools.cached_property
    def outcomes(self):
        """An :class:`Outcome` for whatever may be said, by event id."""
        return sorted(self._all_outcomes(),
                      key=operator.attrgetter('event_id'))

    def _all_outcomes(self):
        for prefix, namespace in self.namespaces.items():
            for event_id in namespace.events:
                yield Outcome(event_id, prefix, None)
            for resource_type, action, detail in itertools.product(
                    namespace.resource_types, namespace.actions,
                    namespace.details):
                yield Outcome(f'{prefix}_{resource_type}_{action}_{detail}',
                              prefix, resource_type, action, detail)

    def _find(self, event_id):
        """(namespace, event, action, detail, resource type), or None."""
        if not isinstance(event_id, str):
            return None
        prefix, _, rest = event_id.partition('_')
        namespace = self.namespaces.get(prefix)
        if namespace is None:
            return None
        event = namespace.events.get(event_id)
        if event is not None:
            return namespace, event, None, None, None
        resource_type, _, parts = rest.rpartition('_')
        resource_type, _, action_id = resource_type.rpartition('_')
        action = namespace.actions.get(action_id)
        detail = namespace.details.get(parts)
        if (action is None or detail is None or
                resource_type not in namespace.resource_types):
            return None
        return namespace, None, action, detail, resource_type

    # -- from ids to words ------------------------------------------------

    def describe(self, event_id, language=ENGLISH):
        """The words for a stored event id. Never fails.

        While a cloud is upgraded, another host may have stored an event
        that this one's catalogue doesn't hold yet: that gets a general text.
        """
        try:
            return self._described[event_id, language]
        except KeyError:
            found = self._find(event_id)
        if language not in self.languages:
            language = ENGLISH
        if found is None:
            return self._describe_unknown(event_id, language)
        namespace, event, action, detail, _resource_type = found
        entry = event or detail
        text, remedy = self._words(namespace, entry, language)
        if action is not None:
            action, _remedy = self._words(namespace, action, language)
        description = Description(
            text=text, action=action, remedy=remedy,
            user_fixable=entry.user_fixable, retryable=entry.retryable,
            link=entry.link)
        # Bounded by the catalogue's size: unknown ids don't get here, and
        # neither do unknown languages.
        self._described[event_id, language] = description
        return description

    def words(self, language=ENGLISH, prefix=None):
        """(prefix, kind, id, constant, text, remedy) of every entry."""
        for namespace in self.namespaces.values():
            if prefix in (None, namespace.prefix):
                for kind in entries.KINDS:
                    for entry in getattr(namespace, kind).values():
                        yield (namespace.prefix, kind[:-1], entry.id,
                               entry.constant,
                               *self._words(namespace, entry, language))

    def _words(self, namespace, entry, language):
        """(text, remedy) of an entry; in English what isn't translated."""
        words = self._translations.get(language, {}).get(
            (namespace.prefix, entries.KINDS_OF[type(entry)],
             entries.short_id(entry)), {})
        return (words.get('text', entry.text),
                words.get('remedy', getattr(entry, 'remedy', None)))

    def _describe_unknown(self, event_id, language):
        if self._on_unknown is not None:
            self._on_unknown()
        with self._logged_lock:
            log_it = event_id not in self._logged
            if log_it:
                if len(self._logged) >= self.REMEMBERED_UNKNOWN:
                    self._logged.clear()
                self._logged.add(event_id)
        if log_it:
            LOG.warning('Event %r is not in the catalogue of this host; its '
                        'messages are shown with a general text. Is an '
                        'upgrade or a plug-in missing here?', event_id)
        return Description(text=self._unknown_texts.get(
            language, self._unknown_texts[ENGLISH]))


def _pick(field, given, known, prefix):
    """The entry that is meant by an id, a constant or an entry."""
    if isinstance(given, entries.Constant):
        entry = known.get(given.id)
        # An entry of another prefix may have the same id.
        if entry is not None and entry.constant == given.constant:
            return entry
        given = given.constant
    elif isinstance(given, str):
        if given in known:
            return known[given]
        constant = validation.upper_case(given)
        for entry in known.values():
            if entry.constant == constant:
                return entry
    raise errors.NotPermitted(
        field, f'{text.quoted(given)} is not one of the {field}s of {prefix}.')
