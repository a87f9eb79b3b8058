# SPDX-License-Identifier: Apache-2.0
"""The directive ``usermsg-api``: a reference made from the OpenAPI document.

It writes what :mod:`usermsg.api.openapi` makes of the table of routes, while
the documentation is built; nothing of it is kept in the sources.
"""

import http
import re
import tempfile

from docutils import nodes
from docutils import statemachine
from sphinx.util import docutils
from sphinx.util import nodes as sphinx_nodes

from usermsg.api.controllers import root
from usermsg.api import openapi
from usermsg.concurrency import backend
from usermsg import config
from usermsg import policies
from usermsg import service

_HEAD = 'Name', 'Type', 'Required', 'What it is'


def description():
    """The OpenAPI description of the service."""
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        # It connects to nothing.
        file.write('[database]\nconnection = sqlite://\n')
        file.flush()
        conf = config.load_config(['--config-file', file.name])
    return openapi.describe(
        root.Root(service.make_runtime(conf)).native_routes)


def lines(described):
    """reStructuredText, line by line.

    Headers that every operation takes are told once.
    """
    rules = {rule.name: rule for rule in policies.list_rules()}
    yield from _table(
        'Headers that every request may have', _HEAD,
        [_row(header) for header in
         described['components']['parameters'].values()])
    for path, item in sorted(described['paths'].items()):
        for method, operation in item.items():
            yield from _operation(described, f'{method.upper()} {path}',
                                  operation, rules)


def _operation(described, address, operation, rules):
    yield from _title(address)
    yield from (operation['summary'], '')
    if 'description' in operation:
        yield from (*operation['description'].splitlines(), '')
    rule = rules.get(operation.get('x-policy-rule'))
    yield from (
        (f'Policy rule: ``{rule.name}``, by default '
         f'``{rule.check_str}``.') if rule else 'Needs no token.', '')
    for place, caption in (('path', 'In the path'), ('query', 'Query'),
                           ('header', 'More headers')):
        yield from _table(caption, _HEAD, [
            _row(parameter) for parameter in operation['parameters']
            if parameter.get('in') == place])
    if 'requestBody' in operation:
        yield from _body(operation['requestBody']['content'][
            'application/json']['schema'])
    yield from _table('Statuses', ('Status', 'Meaning'), [
        (f'{status} {http.HTTPStatus(int(status)).phrase}',
         _resolved(described, answer)['description'])
        for status, answer in sorted(operation['responses'].items())
        if status != 'default'])


def _body(schema):
    [(name, entry), (names, entries)] = schema['properties'].items()
    yield from (
        f'The body has either ``{name}``, an object, or ``{names}``, an '
        f'array of {entries["minItems"]} to {entries["maxItems"]} of them. '
        f'An object has:', '')
    yield from _table('Body', _HEAD, [
        (f'``{attribute}``', _type(part),
         'yes' if attribute in entry['required'] else 'no',
         _text(part))
        for attribute, part in entry['properties'].items()])


def _row(parameter):
    return (f'``{parameter["name"]}``', _type(parameter['schema']),
            'yes' if parameter.get('required') else 'no', _text(parameter))


def _title(text):
    yield from (f'``{text}``', '-' * (len(text) + 4), '')


def _table(caption, head, rows):
    if not rows:
        return
    yield from (f'.. list-table:: {caption}', '   :header-rows: 1', '')
    for row in (head, *rows):
        for number, cell in enumerate(row):
            yield f'   {"*" if number == 0 else " "} - {cell}'.rstrip()
    yield ''


def _resolved(described, part):
    if '$ref' not in part:
        return part
    for name in part['$ref'].split('/')[1:]:
        described = described[name]
    return described


def _text(part):
    """What is said of a parameter or attribute, and what it may be."""
    schema = part.get('schema', part)
    words = [_escaped(part.get('description', ''))]
    if 'enum' in schema:
        words.append('One of {}.'.format(', '.join(
            f'``{value}``' for value in schema['enum'])))
    if 'default' in schema:
        words.append(f'Default: ``{schema["default"]}``.')
    if 'maxLength' in schema:
        words.append(f'At most {schema["maxLength"]} characters.')
    return ' '.join(filter(None, words))


def _escaped(text):
    return re.sub(r'([*`|\\]|_\b)', r'\\\1', text)


def _type(schema):
    kind = schema['type']
    names = [kind] if isinstance(kind, str) else kind
    text = ' or '.join(names)
    return f'{text} ({schema["format"]})' if 'format' in schema else text


class Reference(docutils.SphinxDirective):

    def run(self):
        source = statemachine.StringList(
            list(lines(description())), source='the table of routes')
        section = nodes.section()
        section.document = self.state.document
        sphinx_nodes.nested_parse_with_titles(self.state, source, section)
        return section.children


def setup(app):
    # Before another extension lists options of libraries, oslo.messaging's
    # among them.
    backend.use_threads()
    app.add_directive('usermsg-api', Reference)
    return {'parallel_read_safe': True}
