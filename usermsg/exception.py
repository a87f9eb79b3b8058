# SPDX-License-Identifier: Apache-2.0
"""Exceptions of usermsg.

::

    UsermsgError
      InvalidInput            invalid value from the caller; names the field
        NotPermitted          value that the catalogue doesn't contain
      MessageNotFound
      DefinitionNotFound      the catalogue has no event with this id
      SourceConflict          source_id already used with different content
      SourceGone              source_id of a message that has been deleted
      RateLimited             the messages exceed the rate of recording
      Forbidden               the policy denies it
      ConfigurationError      invalid file of the operator; names file, line
      SourceDatabaseError     source database of an import can't be used
      IdsInUse                ids of messages to import are in use
      DatabaseUnavailable     the database can't be reached

``code`` is part of the REST API: it is never changed, and never reused for
another error. The texts are written for users: they contain only the caller's
input and fixed text.
"""

import traceback


class UsermsgError(Exception):
    """Base class of the errors.

    :param values: a value for each ``{}`` of the class's text
    """

    code = 'internal'
    text = '{}'

    def __init__(self, *values):
        super().__init__(self.text.format(*values))


class InvalidInput(UsermsgError):
    """Invalid value.

    :param field: the invalid parameter, query parameter or attribute
    :param reason: end of a sentence whose subject is the field
    """

    code = 'invalid_input'
    text = '{}: {}'

    def __init__(self, field, reason):
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def at(self, place):
        """Return the same error for a field of an enclosing object."""
        return type(self)(f'{place}.{self.field}'.lstrip('.'), self.reason)


class NotPermitted(InvalidInput):
    """Value that the catalogue of permitted messages doesn't contain."""

    code = 'not_permitted'


class MessageNotFound(UsermsgError):
    code = 'message.not_found'
    text = 'Message {} could not be found.'


class DefinitionNotFound(UsermsgError):
    code = 'defined_message.not_found'
    text = 'The catalogue contains no message with this id.'


class _SourceError(UsermsgError):
    """Source id that can't be used for another message."""

    def __init__(self, source_id, field='source_id'):
        super().__init__(field, source_id)
        self.source_id = source_id

    def at(self, place):
        """Return the same error for a field of an enclosing object."""
        return type(self)(self.source_id, f'{place}.source_id')


class SourceConflict(_SourceError):
    code = 'message.source_conflict'
    text = '{}: {} was already used to record a different message.'


class SourceGone(_SourceError):
    code = 'message.source_gone'
    text = '{}: the message recorded with {} has been deleted.'


class RateLimited(UsermsgError):
    """The messages exceed the rate of recording; none was stored.

    :param limit: ``project``, for that of a caller and project, or
        ``caller``, for that of a caller and all projects
    :param retry_after: seconds after which the same messages are within the
        rate, a positive integer
    """

    code = 'rate_limited'
    text = ('Too many messages were recorded for {}. None of this request '
            'was stored; send it again in {} seconds.')

    def __init__(self, limit, retry_after):
        super().__init__({'project': 'a project',
                          'caller': 'all projects together'}[limit],
                         retry_after)
        self.limit = limit
        self.retry_after = retry_after


class Forbidden(UsermsgError):
    code = 'forbidden'
    text = 'Policy doesn\'t allow {} to be performed.'


class ConfigurationError(UsermsgError):
    """Invalid configuration, policy or catalogue file of the operator.

    :param reason: a sentence
    :param path: the invalid file, or None if it isn't a single file
    :param line: number of the line, from 1, or None if it isn't known
    """

    def __init__(self, reason, path=None, line=None):
        place = ':'.join(str(part) for part in (path, line) if part)
        super().__init__(f'{place}: {reason}' if place else reason)


class SourceDatabaseError(UsermsgError):
    """Source database that can't be read, or has an unsupported schema.

    :param reason: sentences for the operator, whose subject "it" is the
        database
    """


class IdsInUse(UsermsgError):
    """Ids of messages to import are in use, but the query didn't find them."""


class DatabaseUnavailable(UsermsgError):
    code = 'database_unavailable'
    text = ('The service cannot reach its database at the moment. Try again '
            'later.')


def log_text(error, trusted=()):
    """Return a description of an exception that is safe to log.

    :param trusted: further classes whose texts may be logged; the text of any
        other class could contain secrets, so the file and line where it was
        raised are logged instead
    """
    if isinstance(error, (UsermsgError, *trusted)):
        return f'{type(error).__name__}: {error}'
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__} at {place.filename}:{place.lineno}'
