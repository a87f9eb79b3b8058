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
class ResolvedEvent:
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
    :param translations: language -> prefix -> its namespace in that
        language
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
        self._languages = {ENGLISH: self.namespaces, **(translations or {})}
        self._unknown_texts = {ENGLISH: UNKNOWN_EVENT, **(unknown_texts or {})}
        self.languages = (ENGLISH, *sorted(
            (set(self._languages) | set(self._unknown_texts)) - {ENGLISH}))
        #: Event id -> :class:`ResolvedEvent`: each permitted message, sorted.
        self.outcomes = {outcome.event_id: outcome for outcome in sorted(
            self._all_outcomes(), key=operator.attrgetter('event_id'))}
        self._on_unknown = on_unknown
        self._described = {}
        self._log_once = functools.lru_cache(self.REMEMBERED_UNKNOWN)(
            _log_unknown)

    # -- from a caller's words to ids -------------------------------------

    def resolve(self, *, event_id=None, action=None, detail=None,
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
        try:
            outcome = self.find(given)
        except errors.DefinitionNotFound:
            raise errors.NotPermitted(
                'event_id', f'{text.quoted(given)} is not in the catalogue.'
            ) from None
        if outcome.resource_type is None:
            return dataclasses.replace(outcome, resource_type=resource_type)
        if resource_type not in (None, outcome.resource_type):
            raise errors.NotPermitted(
                'resource_type',
                f'{outcome.event_id} speaks of {outcome.resource_type}.')
        return outcome

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
        return self.outcomes[
            f'{namespace.prefix}_{resource_type}_{action.id}_{detail.id}']

    def find(self, event_id):
        """The :class:`ResolvedEvent` of an event id, whole or composed.

        :raises usermsg.exception.DefinitionNotFound: it isn't here
        """
        try:
            return self.outcomes[self.event_id(event_id)]
        except (KeyError, TypeError):  # not even a string
            raise errors.DefinitionNotFound() from None

    def _all_outcomes(self):
        for prefix, namespace in self.namespaces.items():
            for event_id in namespace.events:
                yield ResolvedEvent(event_id, prefix, None)
            for resource_type, action, detail in itertools.product(
                    namespace.resource_types, namespace.actions,
                    namespace.details):
                yield ResolvedEvent(f'{prefix}_{resource_type}_{action}_{detail}',
                              prefix, resource_type, action, detail)

    # -- from ids to words ------------------------------------------------

    def describe(self, event_id, language=ENGLISH):
        """The words for a stored event id. Never fails.

        While a cloud is upgraded, another host may have stored an event
        that this one's catalogue doesn't hold yet: that gets a general text.
        """
        try:
            return self._described[event_id, language]
        except KeyError:
            outcome = self.outcomes.get(event_id)
        if language not in self.languages:
            language = ENGLISH
        if outcome is None:
            return self._describe_unknown(event_id, language)
        namespace = self._namespaces(language)[outcome.prefix]
        entry = namespace.events.get(
            event_id) or namespace.details[outcome.detail_id]
        action = namespace.actions.get(outcome.action_id)
        description = Description(
            text=entry.text, action=action and action.text,
            remedy=entry.remedy, user_fixable=entry.user_fixable,
            retryable=entry.retryable, link=entry.link)
        # Bounded by the catalogue's size: unknown ids don't get here, and
        # neither do unknown languages.
        self._described[event_id, language] = description
        return description

    def words(self, language=ENGLISH, prefix=None):
        """(prefix, kind, id, constant, text, remedy) of every entry."""
        for namespace in self._namespaces(language).values():
            if prefix in (None, namespace.prefix):
                for kind in entries.KINDS:
                    for entry in getattr(namespace, kind).values():
                        yield (namespace.prefix, kind[:-1], entry.id,
                               entry.constant, entry.text,
                               getattr(entry, 'remedy', None))

    def _namespaces(self, language):
        # There may be no more of a language than what to say of an event
        # that isn't here.
        return self._languages.get(language, self.namespaces)

    def _describe_unknown(self, event_id, language):
        if self._on_unknown is not None:
            self._on_unknown()
        self._log_once(event_id)
        return Description(text=self._unknown_texts.get(
            language, self._unknown_texts[ENGLISH]))


def _log_unknown(event_id):
    LOG.warning('Event %r is not in the catalogue of this host; its messages '
                'are shown with a general text. Is an upgrade or a plug-in '
                'missing here?', event_id)


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
