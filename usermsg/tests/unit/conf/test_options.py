# SPDX-License-Identifier: Apache-2.0
import ast
import functools
import importlib.metadata
import pathlib
import textwrap

import fixtures
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_config import generator as config_generator
from oslo_middleware import cors
from oslo_policy import generator as policy_generator
import testtools
import yaml

import usermsg
from usermsg import conf as usermsg_conf
from usermsg.conf import libraries
from usermsg import policies
from usermsg.tests import base

SOURCES = pathlib.Path(usermsg.__file__).parent


#: Name of the group of options without a group.
DEFAULT = 'DEFAULT'


class Reads:
    """Static analysis of the options that source code reads.

    It follows ``conf.group.option`` and ``conf[group].option``, and a group
    that is assigned to a variable, stored in an object, or passed to a
    function or class of usermsg; other reads are not recognized.

    :param sources: Python source texts
    :param groups: the names of all groups
    :ivar options: set of (group, option)
    """

    def __init__(self, sources, groups):
        self.options = set()
        self._groups = groups
        # Name of a function, class or method -> (definition, True if its
        # first parameter is bound).
        self._callables = {}
        self._bases = {}
        # (definition, parameter) -> groups that are passed.
        self._arguments = {}
        # (name of a class, attribute of self) -> groups that are stored.
        self._attributes = {}
        trees = [ast.parse(source) for source in sources]
        for tree in trees:
            self._define(tree)
        # Each pass finds groups that are passed on or inherited one level
        # further, so passes are repeated until nothing changes.
        sizes = None
        while sizes != (sizes := (len(self._arguments), len(self._attributes),
                                  len(self.options))):
            for tree in trees:
                self._follow(tree, {}, None)

    def _define(self, tree, owner=None):
        for node in ast.iter_child_nodes(tree):
            inside = None
            if isinstance(node, ast.ClassDef):
                inside = node.name
                self._bases[inside] = [
                    getattr(base, 'attr', getattr(base, 'id', None))
                    for base in node.bases]
            elif isinstance(node, ast.FunctionDef):
                self._callables.setdefault(
                    owner if node.name == '__init__' else node.name, []
                ).append((node, owner is not None))
            self._define(node, inside)

    def _follow(self, node, names, owner):
        """Collect the reads in a tree.

        :param names: variable -> groups that it may hold
        :param owner: the name of the class that contains the tree
        """
        if isinstance(node, ast.ClassDef):
            owner = node.name
        elif isinstance(node, ast.FunctionDef):
            names = {**names, **{
                argument.arg: self._arguments.get((node, argument.arg), set())
                for argument in (*node.args.args, *node.args.kwonlyargs)}}
        elif isinstance(node, ast.For):
            # "for group in ('a', 'b')": names of groups, in quotes.
            if (isinstance(node.target, ast.Name) and
                    isinstance(node.iter, (ast.Tuple, ast.List))):
                names[node.target.id] = {
                    f"'{element.value}'" for element in node.iter.elts
                    if getattr(element, 'value', None) in self._groups}
        for child in ast.iter_child_nodes(node):
            self._follow(child, names, owner)
        if isinstance(node, ast.Assign):
            groups = self._value(node.value, names, owner)
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names[target.id] = groups
                elif groups and _is_self(target):
                    self._attributes.setdefault(
                        (owner, target.attr), set()).update(groups)
        elif isinstance(node, ast.Call):
            self._pass_arguments(node, names, owner)
        elif (isinstance(node, ast.Attribute) and
              isinstance(node.ctx, ast.Load)):
            self.options |= {(group, node.attr) for group in
                             self._value(node.value, names, owner)}
            if _is_conf(node.value):
                self.options.add((DEFAULT, node.attr))

    def _value(self, node, names, owner):
        """Return the groups that an expression may be."""
        if isinstance(node, ast.Name):
            return names.get(node.id, set())
        if isinstance(node, ast.JoinedStr):
            # "conf[f'group_{name}']": one group for each name.
            prefix = getattr(node.values[0], 'value', None)
            return {f"'{group}'" for group in self._groups
                    if group == f'{prefix}name'}
        if isinstance(node, ast.Subscript) and _is_conf(node.value):
            return {name.strip("'") for name in
                    self._value(node.slice, names, owner)}
        if isinstance(node, ast.Attribute):
            if _is_conf(node.value) and node.attr in self._groups:
                return {node.attr}
            if _is_self(node):
                return self._find_attribute(owner, node.attr)
        return set()

    def _find_attribute(self, owner, name):
        # The base of some classes has the same name, hence "not in owners".
        groups, owners = set(), [owner]
        for owner in owners:
            groups |= self._attributes.get((owner, name), set())
            owners += [base for base in self._bases.get(owner, ())
                       if base not in owners]
        return groups

    def _pass_arguments(self, call, names, owner):
        """Record the groups among the arguments of a call."""
        called = getattr(call.func, 'attr', getattr(call.func, 'id', None))
        targets = [called]
        if called == '__init__':  # super().__init__
            targets = self._bases.get(owner, ())
        for definition, bound in [entry for name in targets for entry in
                                  self._callables.get(name, ())]:
            parameters = [parameter.arg for parameter in
                          definition.args.args][bound:]
            for parameter, argument in (
                    *zip(parameters, call.args),
                    *((keyword.arg, keyword.value)
                      for keyword in call.keywords)):
                groups = self._value(argument, names, owner)
                if groups:
                    self._arguments.setdefault(
                        (definition, parameter), set()).update(groups)


def _is_conf(node):
    """Check that a node is conf, _conf or an attribute of that name.

    Every ConfigOpts in this project has one of these names.
    """
    return getattr(node, 'attr', getattr(node, 'id', None)) in (
        'conf', '_conf')


def _is_self(node):
    return (isinstance(node, ast.Attribute) and
            isinstance(node.value, ast.Name) and node.value.id == 'self')


def name_of(group):
    return group.name if group else DEFAULT


@functools.cache
def read_options():
    """Return the options that usermsg reads, without tests and conf."""
    return Reads(
        [path.read_text(encoding='utf-8') for path in SOURCES.rglob('*.py')
         if not {'tests', 'conf'} & set(path.relative_to(SOURCES).parts)],
        {name_of(group) for group, _options in usermsg_conf.list_opts()}
    ).options


class ReadsTest(testtools.TestCase):

    def reads(self, *sources):
        return Reads([textwrap.dedent(source) for source in sources],
                     {'api', 'relay'}).options - {
            (DEFAULT, 'api'), (DEFAULT, 'relay')}

    def test_read_option_is_found(self):
        for sources in (
                ('runtime.conf.api.port',),
                ('conf.api.port',),
                ('options = conf.api\noptions.port',),
                ("for group in ('api',):\n    conf[group].port",),
                ('def f(a, b):\n    b.port\n', 'm.f(1, conf.api)'),
                ('def f(a, b):\n    b.port\n', 'm.f(1, b=conf.api)'),
                ('def g(c):\n    c.port', 'def f(b):\n    g(b)',
                 'f(conf.api)'),
                ("""
                 class Base:
                     def __init__(self, other, options):
                         self._options = options
                     def f(self):
                         return self._options.port
                 """, """
                 class Derived(base.Base):
                     def __init__(self):
                         super().__init__(None, self._conf.api)
                 """),
                ("""
                 class Base:
                     def __init__(self):
                         self._options = self.conf.api
                 class Derived(Base):
                     def f(self):
                         return self._options.port
                 """,)):
            self.assertEqual({('api', 'port')}, self.reads(*sources))
        self.assertEqual({(DEFAULT, 'port')}, self.reads('conf.port'))

    def test_other_expressions_are_not_reads(self):
        for source in (
                'conf.relay.port', 'conf.api', 'conf.api.port = 5',
                'options.port', 'api.port', 'runtime.api.port',
                'options = conf.relay\noptions.port',
                'def f():\n    a = conf.api\ndef g():\n    a.port',
                'def f(a):\n    a.port\ndef g(a):\n    g(conf.api)',
                """
                class One:
                    def __init__(self):
                        self._options = conf.api
                class Other:
                    def f(self):
                        self._options.port
                """):
            self.assertNotIn(('api', 'port'), self.reads(source))


class OptionsTest(testtools.TestCase):

    def options(self):
        for group, options in usermsg_conf.list_opts():
            for option in options:
                yield group, option

    def test_override_in_one_conf_does_not_affect_another(self):
        first, second = cfg.ConfigOpts(), cfg.ConfigOpts()
        for conf in (first, second):
            usermsg_conf.register_opts(conf)
            conf([])
        first.set_override('max_limit', 7, 'api')
        self.assertEqual(7, first.api.max_limit)
        self.assertNotEqual(7, second.api.max_limit)

    def test_every_option_is_read(self):
        for group, option in self.options():
            self.assertTrue(
                (name_of(group), option.dest) in read_options(),
                f'[{name_of(group)}] {option.name} is not read')

    def test_every_group_has_a_title(self):
        for group, _options in usermsg_conf.list_opts():
            if group:
                self.assertTrue(group.title)

    def test_every_help_is_a_sentence(self):
        for group, option in self.options():
            self.assertTrue(option.help.endswith('.'), option.name)

    def test_every_default_is_valid(self):
        conf = cfg.ConfigOpts()
        usermsg_conf.register_opts(conf)
        conf([], default_config_files=[], default_config_dirs=[])
        for group, option in self.options():
            value = (conf[group.name] if group else conf)[option.dest]
            if value is not None:
                text = (','.join(value) if isinstance(value, (list, dict))
                        else str(value))
                self.assertEqual(value, option.type(text))

    def test_options_can_be_registered_twice(self):
        conf = cfg.ConfigOpts()
        usermsg_conf.register_opts(conf)
        usermsg_conf.register_opts(conf)

    def test_registering_does_not_change_the_global_conf(self):
        usermsg_conf.register_opts(cfg.ConfigOpts())
        for group, _options in usermsg_conf.list_opts():
            if group:
                self.assertNotIn(group.name, cfg.CONF)


class SampleTest(base.TestCase):

    def setUp(self):
        super().setUp()
        # The generators configure the logging of their process, and change
        # defaults in libraries.
        self.useFixture(fixtures.FakeLogger())
        for _group, options in (('cors', cors.OPTS),
                                *auth_token.AUTH_TOKEN_OPTS):
            self.addCleanup(cfg.set_defaults, options, **{
                option.dest: option.default for option in options})
        self.path = self.home / 'sample'

    def test_sample_configuration_lists_every_option(self):
        conf = cfg.ConfigOpts()
        config_generator.register_cli_opts(conf)
        conf(['--namespace', 'usermsg', '--output-file', str(self.path)],
             default_config_files=[], default_config_dirs=[])
        config_generator.generate(conf)
        sections = {}
        for line in self.path.read_text(encoding='utf-8').splitlines():
            if line.startswith('['):
                section = sections[line] = []
            elif line:
                section.append(line)
        for group, options in usermsg_conf.list_opts():
            lines = sections[f'[{name_of(group)}]']
            text = ' '.join(line.lstrip('# ') for line in lines)
            for option in options:
                self.assertTrue(any(line.startswith(f'#{option.name} =')
                                    for line in lines), option.name)
                self.assertIn(option.help[:40], text)

    def test_sample_has_usermsg_defaults_of_libraries(self):
        conf = cfg.ConfigOpts()
        config_generator.register_cli_opts(conf)
        conf(['--namespace', 'usermsg',
              '--namespace', 'keystonemiddleware.auth_token',
              '--output-file', str(self.path)],
             default_config_files=[], default_config_dirs=[])
        config_generator.generate(conf)
        lines = self.path.read_text(encoding='utf-8').splitlines()
        for line in ('#http_connect_timeout = 3',
                     '#http_request_max_retries = 1',
                     '#include_service_catalog = false',
                     '#service_type = user-message'):
            self.assertIn(line, lines)

    def test_sample_policy_lists_every_rule(self):
        conf = cfg.ConfigOpts()
        policy_generator.generate_sample(
            ['--namespace', 'usermsg', '--output-file', str(self.path)],
            conf=conf)
        text = self.path.read_text(encoding='utf-8')
        unwrapped = ' '.join(text.replace('#', ' ').split())
        self.assertIsNone(yaml.safe_load(text))
        for rule in policies.list_rules():
            self.assertIn(f'#"{rule.name}": "{rule.check_str}"', text)
            self.assertIn(' '.join(rule.description.split()), unwrapped)
            for operation in rule.operations:
                self.assertIn('{method} {path}'.format(**operation),
                              unwrapped)

    def test_sample_policy_contains_the_defaults(self):
        conf = cfg.ConfigOpts()
        policy_generator.generate_sample(
            ['--namespace', 'usermsg', '--output-file', str(self.path)],
            conf=conf)
        lines = self.path.read_text(encoding='utf-8').splitlines()
        rules = yaml.safe_load('\n'.join(
            line[1:] for line in lines if line.startswith('#"')))
        self.assertEqual({rule.name: rule.check_str
                          for rule in policies.list_rules()}, rules)
        self.write('policy.yaml', yaml.safe_dump(rules))
        self.runtime(tables=False, oslo_policy={
            'policy_file': self.home / 'policy.yaml'})

    def test_entry_points_of_the_generators(self):
        for group, function in (
                ('oslo.config.opts', usermsg_conf.list_opts),
                ('oslo.config.opts.defaults', libraries.set_defaults),
                ('oslo.policy.policies', policies.list_rules)):
            entry_point, = importlib.metadata.entry_points(
                group=group, name='usermsg')
            self.assertIs(function, entry_point.load())


class PoolTest(base.TestCase):

    def test_pool_options_apply_to_sqlite(self):
        runtime = self.runtime(database={
            'max_pool_size': 3, 'max_overflow': 0, 'pool_timeout': 7})
        pool = runtime.db.engine().pool
        self.assertEqual(3, pool.size())
        self.assertEqual(7, pool.timeout())
        with runtime.db.reader() as connection:
            self.assertEqual(1, connection.exec_driver_sql(
                'SELECT 1').scalar())
