# SPDX-License-Identifier: Apache-2.0
"""YAML that an operator wrote, read so that an error can name its line."""

import pathlib

import yaml

from usermsg import exception

_SafeLoader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class Mapping(dict):
    """A mapping that knows where it stands.

    ``line`` is its first line, ``lines`` has those of its keys, and
    ``line_of(key)`` is either.
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
            # What int(), date() and so on raise, PyYAML lets by: for
            # example for 2026-02-30, which looks like a date.
            raise yaml.MarkedYAMLError(
                problem=f'this is no {node.tag.rpartition(":")[2]}; put it '
                        f'in quotes if it is a text',
                problem_mark=node.start_mark) from None


def _construct_mapping(loader, node):
    if not isinstance(node, yaml.MappingNode):
        raise yaml.MarkedYAMLError(
            problem='this is no mapping', problem_mark=node.start_mark)
    # What is merged ("<<") may be overridden, so only a mapping's own keys
    # must differ.
    own = {key_node for key_node, _value_node in node.value}
    keys = set()
    loader.flatten_mapping(node)
    mapping = Mapping(node.start_mark.line + 1)
    # Yielded before it is filled, as PyYAML's own constructors do, because
    # an alias may refer to a mapping from within.
    yield mapping
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(
                problem=f'the key {key!r} is not a string; put it in quotes',
                problem_mark=key_node.start_mark)
        if key_node in own:
            if key in keys:
                # YAML forbids it and PyYAML lets the last one win: an entry
                # that silently disappears.
                raise yaml.MarkedYAMLError(
                    problem=f'{key!r} stands here twice',
                    problem_mark=key_node.start_mark)
            keys.add(key)
        mapping.lines[key] = key_node.start_mark.line + 1
        mapping[key] = loader.construct_object(value_node, deep=True)


_Loader.add_constructor('tag:yaml.org,2002:map', _construct_mapping)


def load(path, may_be_empty=True):
    """The mapping in a file, empty in an empty one.

    :param may_be_empty: also where the file has no bytes, as after a full disk
    :returns: a :class:`Mapping`, as are those in it
    :raises exception.ConfigurationError: the file can't be read or isn't
        one YAML document, a mapping with string keys, none of them twice
    """
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise exception.ConfigurationError(
            f'cannot be read: {error.strerror}.', path) from None
    if not data and not may_be_empty:
        raise exception.ConfigurationError(
            'the file is empty, as after a full disk; a comment in it says '
            'that it is meant.', path, 1)
    try:
        text = data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise exception.ConfigurationError(
            'not UTF-8.', path, data.count(b'\n', 0, error.start) + 1
        ) from None
    forbidden = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if forbidden:
        # The parser would say at which byte it stands, not in which line.
        raise exception.ConfigurationError(
            f'not valid YAML: the character U+{ord(forbidden[0]):04X} is not '
            f'allowed.', path, text.count('\n', 0, forbidden.start()) + 1)
    try:
        # A SafeLoader, although bandit can't see it.
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
    # The context is no more than "while parsing a flow sequence", except
    # for a second document.
    if error.problem == 'but found another document':
        return f'{error.context} {error.problem}'
    return error.problem or error.context
