# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, by name.

::

    UsermsgError
      InvalidInput            a value that a caller gave; names the field
        NotPermitted          ... that the catalogue doesn't hold
      MessageNotFound
      DefinitionNotFound      no such event in the catalogue
      SourceConflict          source_id used before, for another content
      SourceGone              source_id used before, for a deleted message
      Forbidden               the policy says no
      ConfigurationError      a file that an operator wrote; names file, line
      SourceDatabaseError          a database to bring messages over from
      IdsInUse                ids of messages to bring over are in use
      DatabaseUnavailable     the database can't be reached now

``code`` is part of the REST API: it is never changed, and never used again
for something else. The texts are written for users: they hold nothing but
what the caller sent and words of ours.
"""

import traceback


class UsermsgError(Exception):
    """An error of ours.

    :param values: for each ``{}`` of the class's text
    """

    code = 'internal'
    text = '{}'

    def __init__(self, *values):
        super().__init__(self.text.format(*values))


class InvalidInput(UsermsgError):
    """A value can't be accepted.

    :param field: the parameter, query key or attribute at fault
    :param reason: why, as the end of a sentence that begins with the field
    """

    code = 'invalid_input'
    text = '{}: {}'

    def __init__(self, field, reason):
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def at(self, place):
        """The same error, for a field of something larger."""
        return type(self)(f'{place}.{self.field}'.lstrip('.'), self.reason)


class NotPermitted(InvalidInput):
    """The catalogue of permitted messages doesn't hold this."""

    code = 'not_permitted'


class MessageNotFound(UsermsgError):
    code = 'message.not_found'
    text = 'Message {} could not be found.'


class DefinitionNotFound(UsermsgError):
    code = 'defined_message.not_found'
    text = 'The catalogue has no message with this id.'


class _SourceError(UsermsgError):
    """Source id that can't be used for a message any more."""

    def __init__(self, source_id, field='source_id'):
        super().__init__(field, source_id)
        self.source_id = source_id

    def at(self, place):
        """The same error, for a field of something larger."""
        return type(self)(self.source_id, f'{place}.source_id')


class SourceConflict(_SourceError):
    code = 'message.source_conflict'
    text = '{}: {} was used before to record a different message.'


class SourceGone(_SourceError):
    code = 'message.source_gone'
    text = '{}: the message that was recorded as {} has been deleted.'


class Forbidden(UsermsgError):
    code = 'forbidden'
    text = 'Policy doesn\'t allow {} to be performed.'


class ConfigurationError(UsermsgError):
    """A file of the operator's can't be used.

    :param reason: what is wrong with it, a sentence
    :param path: the file, None when no single file is at fault
    :param line: counted from 1, None when it can't be told
    """

    def __init__(self, reason, path=None, line=None):
        place = ':'.join(str(part) for part in (path, line) if part)
        super().__init__(f'{place}: {reason}' if place else reason)


class SourceDatabaseError(UsermsgError):
    """Another service's database can't be read, or isn't understood.

    :param reason: why, in sentences that speak of "it"; for an operator
    """


class IdsInUse(UsermsgError):
    """Ids of messages to import are in use, and can't be found in use."""


class DatabaseUnavailable(UsermsgError):
    code = 'database_unavailable'
    text = ('The service cannot reach its database at the moment. Try again '
            'later.')


def log_text(error, known=()):
    """What a log may say of an exception.

    :param known: more classes whose texts are ours; those of all others
        could hold anything, so it is said where they come from
    """
    if isinstance(error, (UsermsgError, *known)):
        return f'{type(error).__name__}: {error}'
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__} at {place.filename}:{place.lineno}'
