# SPDX-License-Identifier: Apache-2.0
"""The entries of a catalogue, and what makes them well-formed.

Plug-ins declare theirs with this too.
"""

import dataclasses
import re
import types

from usermsg import exception as errors

#: An event's id without its prefix.
BARE_ID = re.compile(r'[0-9]{6}')

_PREFIX = re.compile(r'[A-Z][A-Z0-9]{1,31}')
RESOURCE_TYPE = re.compile(r'[A-Z][A-Z0-9_]{1,63}')
_CONSTANT = re.compile(r'[A-Z][A-Z0-9_]*')
PART_ID = re.compile(r'[0-9]{3}')
_LINK = re.compile(r'https://[^\s/"\'<>]+(/[^\s"\'<>]*)?')
#: Remedy of temporary failures.
TRY_AGAIN = ('Try again later; if it keeps failing, give your operator the '
             'request id.')

# Surrogates too: half a character, which can't be sent as UTF-8.
_CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


@dataclasses.dataclass(frozen=True, slots=True)
class Constant:
    """An entry that is declared as an attribute of a class."""

    constant: str = dataclasses.field(default='', kw_only=True)

    def __set_name__(self, owner, name):
        # The attribute's name is the constant: written once, the two can't
        # differ. It happens while the class body is executed, before
        # anybody can have seen the entry, so "frozen" still holds.
        object.__setattr__(self, 'constant', name)


@dataclasses.dataclass(frozen=True, slots=True)
class Action(Constant):
    """What was being done: the first half of a composed message.

    :param id: three digits, unique among the prefix's actions
    :param text: a short phrase without a full stop, "attach volume"
    """

    id: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Explained(Constant):
    """The common part of :class:`Detail` and :class:`Event`."""

    id: str
    text: str
    remedy: str | None = None
    user_fixable: bool = dataclasses.field(default=False, kw_only=True)
    retryable: bool = dataclasses.field(default=False, kw_only=True)
    link: str | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    def fixable(cls, id, text, remedy, **values):
        """Failure whose cause the reader can remove, as the remedy says."""
        return cls(id, text, remedy, user_fixable=True, **values)

    @classmethod
    def temporary(cls, id, text, **values):
        """Failure with no better remedy than to try again later."""
        return cls(id, text, TRY_AGAIN, retryable=True, **values)


@dataclasses.dataclass(frozen=True, slots=True)
class Detail(_Explained):
    """Why it ended so: the second half of a composed message.

    :param id: three digits, unique among the prefix's details
    :param text: one or two sentences
    :param remedy: what the reader can do now, None when there is nothing
    :param user_fixable: the reader can remove the cause without an operator
    :param retryable: the same request, unchanged, may succeed later
    :param link: https address of a page that says more
    :param exceptions: class names, bare or with their module, that mean
        this detail when a caller passes ``exception=``
    """

    exceptions: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Event(_Explained):
    """A whole message under one id, ``VOLUME_000002``.

    :param id: the prefix, an underscore and six digits

    The other parameters are those of :class:`Detail`.
    """


#: The three kinds of entry; also what a file calls them.
KINDS = {'events': Event, 'actions': Action, 'details': Detail}


class Namespace:
    """All entries of one prefix; checked when it is made, then frozen.

    :param prefix: upper case, without underscore: ``VOLUME``
    :param resource_types: names of the types whose actions stand here
    :param events: :class:`Event` entries: a class that declares them, or
        any iterable; so too the next two
    :param actions: :class:`Action` entries
    :param details: :class:`Detail` entries; with actions there must be the
        detail ``001``, for when nothing better is known
    :raises usermsg.exception.ConfigurationError: an entry is malformed, or
        an id, constant or exception stands twice
    """

    UNKNOWN_DETAIL = '001'

    def __init__(self, prefix, *, resource_types=(), events=(), actions=(),
                 details=()):
        self.prefix = prefix
        self.resource_types = tuple(resource_types)
        self._require(_PREFIX.fullmatch(prefix), 'not a valid prefix')
        for name in self.resource_types:
            self._require(RESOURCE_TYPE.fullmatch(name),
                          f'{name!r} is not a valid resource type')
            self._require(self.resource_types.count(name) == 1,
                          f'the resource type {name} stands twice')
        event_id = re.compile(re.escape(prefix) + '_' + BARE_ID.pattern)
        self.events = self._index('events', events, event_id)
        self.actions = self._index('actions', actions, PART_ID)
        self.details = self._index('details', details, PART_ID)
        self._require(not self.actions or self.UNKNOWN_DETAIL in self.details,
                      'it has actions, so it needs the detail 001')
        self._require(not self.actions or self.resource_types,
                      'it has actions, so it needs resource types')
        self._exceptions = {}
        for detail in self.details.values():
            for name in detail.exceptions:
                self._require(name not in self._exceptions,
                              f'the exception {name} means two details')
                self._exceptions[name] = detail

    def _require(self, condition, problem):
        if not condition:
            raise errors.ConfigurationError(
                f'catalogue {self.prefix}: {problem}.')

    def _index(self, kind, entries, valid_id):
        if isinstance(entries, type):
            entries = [value for value in vars(entries).values()
                       if isinstance(value, Constant)]
        by_id, constants = {}, set()
        for entry in entries:
            self._require(isinstance(entry, KINDS[kind]),
                          f'{entry!r} is not one of the {kind}')
            name = f'{kind[:-1]} {entry.id}'
            self._require(valid_id.fullmatch(entry.id),
                          f'{name}: the id is not of the form '
                          f'{valid_id.pattern}')
            self._require(entry.id not in by_id, f'{name} stands twice')
            for field in dataclasses.fields(entry):
                problem = value_problem(field.name,
                                        getattr(entry, field.name))
                self._require(not problem, f'{name}: {problem}')
            self._require(entry.constant not in constants,
                          f'{name}: {entry.constant} stands twice')
            by_id[entry.id] = entry
            constants.add(entry.constant)
        return types.MappingProxyType(by_id)

    def detail_of(self, exception):
        """The detail that an exception (or its class) means, or None.

        Classes are known by name, since the catalogue can't import those of
        every service. The nearest in the method resolution order wins.
        """
        if not isinstance(exception, type):
            exception = type(exception)
        for cls in exception.__mro__:
            for name in (f'{cls.__module__}.{cls.__name__}', cls.__name__):
                if name in self._exceptions:
                    return self._exceptions[name]
        return None


def value_problem(attribute, value):
    """The reason why an attribute can't have a value, or None."""
    if value is None and attribute in ('remedy', 'link'):
        return None
    if attribute in ('user_fixable', 'retryable'):
        return (None if isinstance(value, bool) else
                f'{attribute} must be true or false')
    if attribute in ('exceptions', 'resource_types'):
        return (None if isinstance(value, (list, tuple)) and
                all(isinstance(name, str) for name in value) else
                f'{attribute} must be a list of names')
    if not isinstance(value, str) or not value.strip():
        return f'the {attribute} is empty or not a string'
    if _CONTROL.search(value):
        return f'the {attribute} holds a line break or a control character'
    if attribute == 'link' and not _LINK.fullmatch(value):
        return 'the link is not an address that begins with https://'
    if attribute == 'constant' and not _CONSTANT.fullmatch(value):
        return f'{value!r} is not a constant'
    return None
