# SPDX-License-Identifier: Apache-2.0
"""Entries of a catalogue, and their validation.

Plug-ins declare their entries with these classes too.
"""

import dataclasses
import re
import types

from usermsg import exception as errors

#: Id of an event without its prefix.
BARE_ID = re.compile(r'[0-9]{6}')

# At most 32 characters, the length of its column.
_PREFIX = re.compile(r'(?=.{2,32}\Z)[A-Z][A-Z0-9]*(_[A-Z0-9]+)*')
RESOURCE_TYPE = re.compile(r'[A-Z][A-Z0-9_]{1,63}')
_CONSTANT = re.compile(r'[A-Z][A-Z0-9_]*')
PART_ID = re.compile(r'[0-9]{3}')
_LINK = re.compile(r'https://[^\s/"\'<>]+(/[^\s"\'<>]*)?')
#: Remedy for temporary failures.
TRY_AGAIN = ('Try again later; if it keeps failing, give your operator the '
             'request id.')

# Includes surrogates, which can't be encoded as UTF-8.
_CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


@dataclasses.dataclass(frozen=True, slots=True)
class Constant:
    """Entry that is declared as a class attribute."""

    constant: str = dataclasses.field(default='', kw_only=True)

    def __set_name__(self, owner, name):
        # The name of the attribute is the constant: written once, the two
        # can't differ. It is set while the class body is executed, before
        # other code can access the entry, so "frozen" still holds.
        object.__setattr__(self, 'constant', name)


@dataclasses.dataclass(frozen=True, slots=True)
class Action(Constant):
    """Operation: the first part of a composed message.

    :param id: three digits, unique among the prefix's actions
    :param text: a short phrase without a full stop, such as "attach volume"
    """

    id: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Explained(Constant):
    """Common base of :class:`Detail` and :class:`Event`."""

    id: str
    text: str
    remedy: str | None = None
    user_fixable: bool = dataclasses.field(default=False, kw_only=True)
    retryable: bool = dataclasses.field(default=False, kw_only=True)
    link: str | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    def fixable(cls, id, text, remedy, **values):
        """Return a failure whose cause the user can remove by the remedy."""
        return cls(id, text, remedy, user_fixable=True, **values)

    @classmethod
    def temporary(cls, id, text, **values):
        """Return a failure whose only remedy is to try again later."""
        return cls(id, text, TRY_AGAIN, retryable=True, **values)


@dataclasses.dataclass(frozen=True, slots=True)
class Detail(_Explained):
    """Cause of a result: the second part of a composed message.

    :param id: three digits, unique among the prefix's details
    :param text: one or two sentences
    :param remedy: advice to the user, None if there is none
    :param user_fixable: True if the user can remove the cause without an
        operator
    :param retryable: True if the same request, unchanged, may succeed later
    :param link: https URL of a page with more information
    :param exceptions: names of exception classes, with or without their
        module, that select this detail when a caller passes ``exception=``
    """

    exceptions: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Event(_Explained):
    """Whole message under one id, such as ``VOLUME_000002``.

    :param id: the prefix, an underscore and six digits

    The other parameters are those of :class:`Detail`.
    """


#: Kind of entry, as in files -> its class.
KINDS = {'events': Event, 'actions': Action, 'details': Detail}


class Namespace:
    """All entries of one prefix, validated on creation and then immutable.

    :param prefix: namespace prefix in upper case: ``VOLUME``,
        ``CONTAINER_INFRA``
    :param resource_types: names of the resource types of the actions
    :param events: :class:`Event` entries: a class that declares them, or
        an iterable
    :param actions: :class:`Action` entries, in the same form
    :param details: :class:`Detail` entries, in the same form; with actions,
        the detail ``001`` is required, for causes that are not known
    :raises usermsg.exception.ConfigurationError: an entry is malformed, or
        an id, constant or exception is not unique
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
                          f'duplicate resource type {name}')
        event_id = re.compile(re.escape(prefix) + '_' + BARE_ID.pattern)
        self.events = self._index('events', events, event_id)
        self.actions = self._index('actions', actions, PART_ID)
        self.details = self._index('details', details, PART_ID)
        self._require(not self.actions or self.UNKNOWN_DETAIL in self.details,
                      'a catalogue with actions requires the detail 001')
        self._require(not self.actions or self.resource_types,
                      'a catalogue with actions requires resource types')
        self._exceptions = {}
        for detail in self.details.values():
            for name in detail.exceptions:
                self._require(name not in self._exceptions,
                              f'the exception {name} is mapped to two '
                              f'details')
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
                          f'{entry!r} is not an entry of the {kind}')
            name = f'{kind[:-1]} {entry.id}'
            self._require(valid_id.fullmatch(entry.id),
                          f'{name}: the id does not match '
                          f'{valid_id.pattern}')
            self._require(entry.id not in by_id, f'duplicate {name}')
            for field in dataclasses.fields(entry):
                problem = value_problem(field.name,
                                        getattr(entry, field.name))
                self._require(not problem, f'{name}: {problem}')
            self._require(entry.constant not in constants,
                          f'{name}: duplicate constant {entry.constant}')
            by_id[entry.id] = entry
            constants.add(entry.constant)
        return types.MappingProxyType(by_id)

    def find_detail_by_name(self, name):
        """Return the detail of an exception class, or None.

        :param name: of the class, with or without its module
        """
        return self._exceptions.get(name) or self._exceptions.get(
            name.rpartition('.')[2])

    def find_detail(self, exception):
        """Return the detail of an exception or its class, or None.

        Classes are mapped by name, because the catalogue can't import those
        of every service. The first of :func:`class_names` wins.
        """
        return next((self._exceptions[name] for name in class_names(exception)
                     if name in self._exceptions), None)


#: Maximum number of exceptions of a chain of causes.
_MAX_CAUSES = 10

#: Suffix of a class, and of its module, that oslo.messaging makes for an
#: exception of another process.
_REMOTE = '_Remote'


def class_names(exception):
    """Yield the names of an exception's classes, the most specific one first.

    With and without the module: of its class and the base classes, in the
    method resolution order; then those of the exceptions that are its causes
    (``raise ... from ...``). The class that a ``RemoteError`` of
    oslo.messaging only names precedes its own. No text of an exception is
    read.

    :param exception: an exception or a class of exceptions
    """
    for _number in range(_MAX_CAUSES):
        if exception is None:
            return
        cls = exception if isinstance(exception, type) else type(exception)
        if cls.__name__ == 'RemoteError':
            name = getattr(exception, 'exc_type', None)
            if isinstance(name, str):
                yield name.removesuffix(_REMOTE)
        for base in cls.__mro__:
            name = base.__name__.removesuffix(_REMOTE)
            yield f'{base.__module__.removesuffix(_REMOTE)}.{name}'
            yield name
        exception = getattr(exception, '__cause__', None)


def value_problem(attribute, value):
    """Return the reason why a value is invalid for an attribute, or None."""
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
        return (f'the {attribute} contains a line break or a control '
                f'character')
    if attribute == 'link' and not _LINK.fullmatch(value):
        return 'the link is not a URL that begins with https://'
    if attribute == 'constant' and not _CONSTANT.fullmatch(value):
        return f'{value!r} is not a valid constant'
    return None
