# SPDX-License-Identifier: Apache-2.0
"""The directive ``usermsg-api``: API reference from the OpenAPI document.

It renders the document that :mod:`usermsg.api.openapi` generates from the
routing table, while the documentation is built, so that no copy of it in the
sources can become outdated.
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

_HEADER = 'Name', 'Type', 'Required', 'Description'


def description():
    """Return the OpenAPI document of the service, a dict."""
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        # The runtime requires the option; without a query nothing connects.
        file.write('[database]\nconnection = sqlite://\n')
        file.flush()
        conf = config.load_config(['--config-file', file.name])
    return openapi.describe(
        root.Root(service.make_runtime(conf)).native_routes)


def lines(document):
    """Yield the reference as lines of reStructuredText.

    Headers that every operation accepts are listed once, at the beginning.
    """
    rules = {rule.name: rule for rule in policies.list_rules()}
    yield from _table(
        'Common request headers', _HEADER,
        [_row(header) for header in
         document['components']['parameters'].values()])
    for path, item in sorted(document['paths'].items()):
        for method, operation in item.items():
            yield from _operation(document, f'{method.upper()} {path}',
                                  operation, rules)


def _operation(document, title, operation, rules):
    yield from _title(title)
    yield from (operation['summary'], '')
    if 'description' in operation:
        yield from (*operation['description'].splitlines(), '')
    rule = rules.get(operation.get('x-policy-rule'))
    yield from (
        (f'Policy rule: ``{rule.name}``, by default '
         f'``{rule.check_str}``.') if rule else 'Needs no token.', '')
    for location, caption in (('path', 'Path'), ('query', 'Query'),
                              ('header', 'Additional headers')):
        yield from _table(caption, _HEADER, [
            _row(parameter) for parameter in operation['parameters']
            if parameter.get('in') == location])
    if 'requestBody' in operation:
        yield from _body(operation['requestBody']['content'][
            'application/json']['schema'])
    yield from _table('Statuses', ('Status', 'Meaning'), [
        (f'{status} {http.HTTPStatus(int(status)).phrase}',
         _resolve(document, response)['description'])
        for status, response in sorted(operation['responses'].items())
        if status != 'default'])


def _body(schema):
    entry = schema
    if 'messages' in schema['properties']:
        [(name, entry), (names, entries)] = schema['properties'].items()
        yield from (
            f'The body contains either ``{name}``, an object, or ``{names}``, '
            f'an array of {entries["minItems"]} to {entries["maxItems"]} '
            f'objects. Attributes of an object:', '')
    yield from _table('Body', _HEADER, [
        (f'``{attribute}``', _type(part),
         'yes' if attribute in entry['required'] else 'no',
         _text(part))
        for attribute, part in entry['properties'].items()])


def _row(parameter):
    return (f'``{parameter["name"]}``', _type(parameter['schema']),
            'yes' if parameter.get('required') else 'no', _text(parameter))


def _title(text):
    yield from (f'``{text}``', '-' * (len(text) + 4), '')


def _table(caption, header, rows):
    if not rows:
        return
    yield from (f'.. list-table:: {caption}', '   :header-rows: 1', '')
    for row in (header, *rows):
        for number, cell in enumerate(row):
            yield f'   {"*" if number == 0 else " "} - {cell}'.rstrip()
    yield ''


def _resolve(document, part):
    if '$ref' not in part:
        return part
    for name in part['$ref'].split('/')[1:]:
        document = document[name]
    return document


def _text(part):
    """Describe a parameter or attribute and its permitted values."""
    schema = part.get('schema', part)
    sentences = [_escape(part.get('description', ''))]
    if 'enum' in schema:
        sentences.append('One of {}.'.format(', '.join(
            f'``{value}``' for value in schema['enum'])))
    if 'default' in schema:
        sentences.append(f'Default: ``{schema["default"]}``.')
    if 'maxLength' in schema:
        sentences.append(f'At most {schema["maxLength"]} characters.')
    return ' '.join(filter(None, sentences))


def _escape(text):
    return re.sub(r'([*`|\\]|_\b)', r'\\\1', text)


def _type(schema):
    kind = schema['type']
    names = [kind] if isinstance(kind, str) else kind
    text = ' or '.join(names)
    return f'{text} ({schema["format"]})' if 'format' in schema else text


class Reference(docutils.SphinxDirective):

    def run(self):
        source = statemachine.StringList(
            list(lines(description())), source='the routing table')
        section = nodes.section()
        section.document = self.state.document
        sphinx_nodes.nested_parse_with_titles(self.state, source, section)
        return section.children


def setup(app):
    # The backend must be selected before another extension lists options of
    # libraries, as this imports oslo.messaging, which selects eventlet.
    backend.use_threads()
    app.add_directive('usermsg-api', Reference)
    return {'parallel_read_safe': True}
