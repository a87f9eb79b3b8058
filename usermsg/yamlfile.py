# SPDX-License-Identifier: Apache-2.0
"""Strict loading of operators' YAML files, with the lines for errors."""

import pathlib

import yaml

from usermsg import exception

_SafeLoader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class Mapping(dict):
    """Mapping with its position in the file.

    ``line`` is the line where it begins, ``lines`` maps each key to its line,
    and ``line_of(key)`` returns the line of a key or else that of the
    mapping.
    """

    def __init__(self, line):
        super().__init__()
        self.line = line
        self.lines = {}

    def line_of(self, key):
        return self.lines.get(key, self.line)


class _Loader(_SafeLoader):

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception:
            # PyYAML does not catch the errors of int(), date() and similar
            # constructors, for example for 2026-02-30, which looks like a
            # date.
            raise yaml.MarkedYAMLError(
                problem=f'the value is not a valid '
                        f'{node.tag.rpartition(":")[2]}; put it in quotes '
                        f'if it is a string',
                problem_mark=node.start_mark) from None


def _construct_mapping(loader, node):
    if not isinstance(node, yaml.MappingNode):
        raise yaml.MarkedYAMLError(
            problem='the value must be a mapping',
            problem_mark=node.start_mark)
    # Merged keys ("<<") may be overridden, so only keys that are written in
    # the mapping itself must be unique.
    written = {key_node for key_node, _value_node in node.value}
    keys = set()
    loader.flatten_mapping(node)
    mapping = Mapping(node.start_mark.line + 1)
    # Yielded before it is filled, as in PyYAML's constructors, because an
    # alias within a mapping may refer to that mapping.
    yield mapping
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(
                problem=f'the key {key!r} is not a string; put it in quotes',
                problem_mark=key_node.start_mark)
        if key_node in written:
            if key in keys:
                # YAML forbids duplicate keys, but PyYAML uses the last one,
                # so that an entry would silently disappear.
                raise yaml.MarkedYAMLError(
                    problem=f'duplicate key {key!r}',
                    problem_mark=key_node.start_mark)
            keys.add(key)
        mapping.lines[key] = key_node.start_mark.line + 1
        mapping[key] = loader.construct_object(value_node, deep=True)


_Loader.add_constructor('tag:yaml.org,2002:map', _construct_mapping)


def load(path, may_be_empty=True):
    """Return the mapping in a file; an empty file is an empty mapping.

    :param may_be_empty: False to reject a file of zero bytes, such as a full
        disk leaves behind
    :returns: a :class:`Mapping`, whose nested mappings are of that class too
    :raises usermsg.exception.ConfigurationError: the file can't be read or
        isn't a single YAML document that is a mapping with unique string
        keys
    """
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise exception.ConfigurationError(
            f'cannot be read: {error.strerror}.', path) from None
    if not data and not may_be_empty:
        raise exception.ConfigurationError(
            'the file is empty, as it can be after a full disk; if this is '
            'intended, write a comment into it.', path, 1)
    try:
        text = data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise exception.ConfigurationError(
            'the file is not UTF-8.', path,
            data.count(b'\n', 0, error.start) + 1) from None
    forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if forbidden:
        # The error of the parser would contain the byte, not the line.
        raise exception.ConfigurationError(
            f'not valid YAML: the character U+{ord(forbidden[0]):04X} is not '
            f'allowed.', path, text.count('\n', 0, forbidden.start()) + 1)
    try:
        # _Loader is a SafeLoader, which bandit does not recognize.
        content = yaml.load(text, Loader=_Loader)  # nosec B506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise exception.ConfigurationError(
            f'not valid YAML: {_reason(error)}.', path,
            mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise exception.ConfigurationError(
            f'not valid YAML: {error}', path) from None
    if content is None:
        return Mapping(1)
    if not isinstance(content, Mapping):
        raise exception.ConfigurationError(
            'the file must be a mapping of keys to values.', path, 1)
    return content


def _reason(error):
    # The context is only useful for a second document; otherwise it is a
    # phrase such as "while parsing a flow sequence".
    if error.problem == 'but found another document':
        return f'{error.context} {error.problem}'
    return error.problem or error.context


def files(directory):
    """Return the paths of the YAML files in a directory, sorted.

    :raises usermsg.exception.ConfigurationError: it can't be read
    """
    try:
        return sorted(path for path in pathlib.Path(directory).iterdir()
                      if path.suffix in ('.yaml', '.yml'))
    except OSError as error:
        raise exception.ConfigurationError(
            f'the directory cannot be read: {error.strerror}.',
            directory) from None
