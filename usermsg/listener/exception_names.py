# SPDX-License-Identifier: Apache-2.0
"""Names of exception classes in notifications.

Services send exceptions in several forms of text. Only the name of the class
is taken: the text of an exception may contain paths, hosts and credentials.
"""

import re

#: Length of the text that is examined: a name is at the beginning.
_LENGTH = 512

_NAME = re.compile(
    r"\s{0,8}(?:<class ')?((?:[A-Za-z_]\w{0,99}\.){0,9}[A-Za-z_]\w{0,99})"
    r"(?=\(|:|'>|\s{0,8}\Z)", re.ASCII)
# oslo.messaging's exception for one of a class that the client can't import.
_REMOTE_ERROR = re.compile(
    r"[^(]{1,200}\(['\"]Remote error: ([A-Za-z_]\w{0,99})[ '\"\\]", re.ASCII)
_SUFFIX = '_Remote'


def class_name(value):
    """Return the name of an exception class, with its module if it is given.

    :param value: a value of a notification: the name of a class, or the
        representation or last traceback line of an exception
    :returns: None if it is neither
    """
    if not isinstance(value, str):
        return None
    value = value[:_LENGTH]
    match = _NAME.match(value)
    if match is None:
        return None
    name = match[1]
    if name.rpartition('.')[2] == 'RemoteError':
        remote = _REMOTE_ERROR.match(value)
        name = remote[1] if remote else name
    return name.removesuffix(_SUFFIX)
