# SPDX-License-Identifier: Apache-2.0
"""Loading of files with rules."""


import fastjsonschema

from usermsg import exception
from usermsg.listener import condition
from usermsg.listener import correlation
from usermsg.listener import glob
from usermsg.listener import path as paths
from usermsg.listener import regex
from usermsg.listener import result
from usermsg.listener import rule
from usermsg.listener import rule_schema
from usermsg import text
from usermsg import yamlfile

#: Named groups of regular expressions.
GROUPS = ('resource', 'exception')

_TYPES = {'string': 'a string', 'object': 'a mapping', 'array': 'a list',
          'boolean': 'true or false', 'number': 'a number', 'null': 'null'}

#: Keys for ids, and those of them that a result uses.
_IDS = ('project', 'user', 'request', 'resource')
_USED_IDS = {'message': _IDS, 'observe': _IDS, 'suppress': (),
             'forget': ('project', 'user')}

#: Keys that have no effect on an observed cause.
_NOT_OF_CAUSE = ('action', 'action_from', 'event_id', 'level', 'once',
                 'status')

_VALIDATE = {
    name: fastjsonschema.compile(schema, use_default=False)
    for name, schema in (
        ('file', rule_schema.FILE), ('rule', rule_schema.RULE),
        ('correlation', correlation.SCHEMA),
        ('condition', rule_schema.CONDITION),
        ('mapped condition', rule_schema.MAPPED_CONDITION),
        ('negated condition', rule_schema.NEGATED_CONDITION),
        ('message', rule_schema.MESSAGE), ('observe', rule_schema.OBSERVE),
        ('pattern', rule_schema.PATTERN))}


class RuleFile:
    """Validated file.

    :param path: of the file
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param ignored_projects: container of ids of projects without messages
    :raises usermsg.exception.ConfigurationError: names the file, the line
        and the reason
    :ivar rules: list of :class:`usermsg.listener.rule.Rule`
    :ivar correlations: list of
        :class:`usermsg.listener.correlation.Correlation`
    :ivar path: of the file
    """

    def __init__(self, path, catalogue, ignored_projects=frozenset()):
        self.path = str(path)
        self._catalogue = catalogue
        self._ignored_projects = ignored_projects
        content = yamlfile.load(path)
        self._validate('file', content, content)
        self._declaring = content.get('correlations', [])
        self.correlations = [self._build_correlation(mapping)
                             for mapping in self._declaring]
        self._observing = []
        self.rules = [self._build_rule(mapping)
                      for mapping in content.get('rules', ())]

    def check_correlations(self, correlations):
        """Check that all correlations are declared that others refer to.

        :param correlations: all that are declared, by name
        """
        for key, mappings in (('correlation', self._observing),
                              ('causes_of', self._declaring)):
            for mapping in mappings:
                if key in mapping and mapping[key] not in correlations:
                    raise self._error(
                        mapping, key, f'the correlation {mapping[key]} is '
                        'not declared')
        for mapping in self._observing:
            if (mapping['kind'] in correlation.WAITING and not
                    correlations[mapping['correlation']].needs_subject):
                raise self._error(
                    mapping, 'kind', f'{mapping["kind"]} requires "subject: '
                    f'required" in the correlation {mapping["correlation"]}')

    def _build_correlation(self, mapping):
        self._validate('correlation', mapping, mapping)
        try:
            return correlation.Correlation.from_mapping(mapping)
        except exception.InvalidInput as error:
            raise self._error(mapping, error.field,
                              error.reason.rstrip('.')) from None

    # -- errors -----------------------------------------------------------

    def _error(self, mapping, key, reason):
        return exception.ConfigurationError(
            f'{text.printable(key)}: {reason}.', self.path,
            mapping.line_of(key))

    def _validate(self, name, value, mapping, key=None):
        """Validate a value with a schema.

        :param mapping: the value, or the mapping that contains it
        :param key: of the value in the mapping; None if it is the mapping
        """
        try:
            _VALIDATE[name](value)
        except fastjsonschema.JsonSchemaValueException as error:
            reason = _reason(error)
            if key is None:
                mapping, key, reason = _locate(error, mapping, reason)
            raise self._error(mapping, key, reason) from None

    def _require(self, mapping, key):
        if key not in mapping:
            raise self._error(mapping, key, 'is required')

    def _refuse(self, mapping, keys, reason):
        for key in keys:
            if key in mapping:
                raise self._error(mapping, key, f'has no effect {reason}')

    def _path(self, mapping, key):
        """Return the compiled path at a key, None without the key."""
        if key not in mapping:
            return None
        return self._compile(paths.Path, mapping, key, mapping[key])

    def _compile(self, build, mapping, key, value):
        try:
            return build(value)
        except ValueError as error:
            raise self._error(mapping, key, error) from None

    # -- rules ------------------------------------------------------------

    def _build_rule(self, mapping):
        self._validate('rule', mapping, mapping)
        names = [name for name in rule_schema.RESULTS if name in mapping]
        if len(names) != 1:
            raise self._error(
                mapping, (names or ['name'])[-1], 'a rule must have exactly '
                f'one of {", ".join(rule_schema.RESULTS)}')
        [name] = names
        self._refuse(mapping, [key for key in _IDS
                               if key not in _USED_IDS[name]],
                     f'with {name}')
        priorities = mapping.get('priority')
        publishers = mapping.get('publisher')
        return rule.Rule(
            name=mapping['name'],
            event_types=_globs(mapping['event_type']),
            priorities=priorities and frozenset(
                condition.as_list(priorities)),
            publishers=publishers and _globs(publishers),
            where=tuple(self._build_where(mapping.get('where'))),
            continues=mapping.get('continue', False),
            result=getattr(self, f'_build_{name}')(mapping),
            path=self.path,
            line=mapping.line)

    def _build_where(self, where):
        for key, value in (where or {}).items():
            self._validate_condition(where, key, value, 'mapped condition')
            yield (self._compile(paths.Path, where, key, key),
                   condition.build(value))

    def _validate_condition(self, mapping, key, value, schema):
        """Validate the condition at a key.

        :param schema: name of the schema of a mapping
        """
        self._validate('condition', value, mapping, key)
        if isinstance(value, yamlfile.Mapping):
            self._validate(schema, value, value)
            if 'not' in value:
                self._validate_condition(value, 'not', value['not'],
                                         'negated condition')

    def _build_suppress(self, mapping):
        return rule.Suppress()

    def _build_forget(self, mapping):
        name = mapping['forget']
        self._require(mapping, name)
        return result.Forget(name, self._path(mapping, name))

    def _build_message(self, mapping):
        message = mapping['message']
        self._validate('message', message, message)
        return self._build_template(mapping, message)

    def _build_observe(self, mapping):
        observe = mapping['observe']
        self._validate('observe', observe, observe)
        self._observing.append(observe)
        kind = observe['kind']
        message = None
        if kind == 'cause':
            self._refuse(observe, _NOT_OF_CAUSE, 'with the kind cause')
            self._refuse(mapping, ('project', 'user', 'request'),
                         'with the kind cause')
            if not observe.keys() & {'detail', 'exception', 'patterns'}:
                raise self._error(
                    observe, 'kind', 'a cause requires detail, exception or '
                    'patterns')
            cause = self._build_cause(observe)
        else:
            if kind == 'state':
                self._require(observe, 'status')
            elif kind in correlation.WAITING:
                self._require(observe, 'once')
            message = self._build_template(mapping, observe)
            cause = message.cause
        return result.Observe(
            correlation=observe['correlation'],
            kind=kind,
            status=self._path(observe, 'status'),
            message=message,
            cause=cause,
            resource=self._path(mapping, 'resource'))

    def _build_template(self, mapping, message):
        self._require(mapping, 'project')
        event = actions = cause = None
        if ('event_id' in message) == ('action' in message):
            raise self._error(message, 'action', 'exactly one of event_id '
                              'and action is required')
        if 'event_id' in message:
            self._refuse(message, ('action_from', 'detail', 'detail_from',
                                   'exception', 'patterns'), 'with event_id')
            event = self._resolve_event(message)
        else:
            actions = self._build_choice(message, 'action', 'actions')
            cause = self._build_cause(message)
        once = message.get('once', result.OPERATION)
        return result.Message(
            catalogue=self._catalogue,
            resource_type=message['resource_type'],
            event=event,
            actions=actions,
            cause=cause,
            project=self._path(mapping, 'project'),
            user=self._path(mapping, 'user'),
            request=(self._path(mapping, 'request') or
                     paths.Path('context.request_id')),
            resource=self._path(mapping, 'resource'),
            level=message.get('level', 'ERROR'),
            once=once if once in (result.OPERATION, result.NOTIFICATION)
            else self._path(message, 'once'),
            is_shared='kind' in message,
            ignored_projects=self._ignored_projects)

    # -- entries of the catalogue -----------------------------------------

    def _resolve_event(self, message):
        try:
            return self._catalogue.resolve(
                event_id=message['event_id'],
                resource_type=message['resource_type'])
        except exception.NotPermitted as error:
            raise self._error(message, error.field,
                              error.reason.rstrip('.')) from None

    def _namespace(self, message):
        try:
            name = self._catalogue.check_resource_type(
                message['resource_type'])
        except exception.NotPermitted as error:
            raise self._error(message, 'resource_type',
                              error.reason.rstrip('.')) from None
        namespace = next(
            namespace for namespace in self._catalogue.namespaces.values()
            if name in namespace.resource_types)
        if not namespace.actions:
            raise self._error(message, 'resource_type', f'{name} has no '
                              f'actions in the catalogue; use event_id')
        return namespace

    def _build_cause(self, message):
        return result.Cause(
            namespace=self._namespace(message),
            exception=self._path(message, 'exception'),
            patterns=tuple(self._build_pattern(message, mapping)
                           for mapping in message.get('patterns', ())),
            details=self._build_choice(message, 'detail', 'details'))

    def _build_choice(self, message, key, kind):
        """Return the choice of an entry.

        :param key: ``action`` or ``detail``
        :param kind: attribute of a namespace
        """
        namespace = self._namespace(message)
        by_id = getattr(namespace, kind)
        value = message.get(key)
        if isinstance(value, yamlfile.Mapping):
            return result.Choice(
                self._path(message, f'{key}_from') or
                paths.Path('event_type'),
                tuple((glob.Glob(pattern),
                       self._entry(value, pattern, constant, by_id))
                      for pattern, constant in value.items()))
        self._refuse(message, (f'{key}_from',), f'unless {key} is a mapping')
        entry = (by_id[namespace.UNKNOWN_DETAIL] if value is None else
                 self._entry(message, key, value, by_id))
        return result.Choice(None, ((None, entry),))

    def _entry(self, mapping, key, constant, by_id):
        by_constant = {entry.constant: entry for entry in by_id.values()}
        if not isinstance(constant, str) or constant not in by_constant:
            raise self._error(
                mapping, key, f'{text.quoted(constant)} is not in the '
                f'catalogue; permitted with this resource type are '
                f'{", ".join(by_constant)}')
        return by_constant[constant]

    def _build_pattern(self, message, mapping):
        self._validate('pattern', mapping, mapping)
        expression = self._compile(
            regex.Regex, mapping, 'regex', mapping['regex'])
        for name in expression.groups:
            if name not in GROUPS:
                raise self._error(
                    mapping, 'regex', f'unknown group {name}; groups are '
                    f'{", ".join(GROUPS)}')
        detail = None
        if 'detail' in mapping:
            detail = self._entry(mapping, 'detail', mapping['detail'],
                                 self._namespace(message).details)
        elif not expression.groups:
            raise self._error(mapping, 'detail', 'is required, unless regex '
                              'has a named group')
        return result.Pattern(self._path(mapping, 'path'), expression, detail)


def _globs(value):
    return tuple(map(glob.Glob, condition.as_list(value)))


def _locate(error, mapping, reason):
    """Return the innermost mapping and key of an error, and its reason.

    :param error: an error of fastjsonschema
    :param mapping: the validated value
    """
    schema, value = error.definition, error.value
    if error.rule in ('additionalProperties', 'required'):
        # A misspelled key is also a missing one.
        for name in value:
            if name not in schema['properties']:
                return value, name, ('unknown key; keys are ' +
                                     ', '.join(schema['properties']))
        for name in schema['required']:
            if name not in value:
                return value, name, 'is required'
    key = 'file'
    for name in error.path[1:]:
        if name not in mapping:
            break  # an item of a list
        key, nested = name, mapping[name]
        if not isinstance(nested, yamlfile.Mapping) or nested is value:
            break
        mapping = nested
    return mapping, key, reason


def _reason(error):
    schema = error.definition
    if error.rule == 'type':
        kinds = schema['type']
        kinds = [kinds] if isinstance(kinds, str) else kinds
        return 'must be ' + ' or '.join(_TYPES[kind] for kind in kinds)
    if error.rule == 'enum':
        values = ', '.join(
            'true' if value is True else value for value in schema['enum'])
        return f'must be {"one of " * (len(schema["enum"]) > 1)}{values}'
    if error.rule == 'maxLength':
        return f'must not be longer than {schema["maxLength"]} characters'
    if error.rule == 'maxItems':
        return f'must not have more than {schema["maxItems"]} items'
    if error.rule == 'pattern':
        return f'must be {schema["x-form"]}'
    if error.rule in ('minimum', 'maximum'):
        return f'must be {schema["minimum"]} to {schema["maximum"]}'
    if error.rule == 'uniqueItems':
        return 'must not have an item twice'
    # minLength, minItems or minProperties
    return 'must not be empty'
