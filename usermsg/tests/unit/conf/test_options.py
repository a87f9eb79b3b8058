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


#: Where options of no group are.
DEFAULT = 'DEFAULT'


class Reads:
    """Which options code reads, as (group, option).

    It follows ``conf.group.option`` and ``conf[group].option``, and a group
    that is given a name, is kept by an object, or is given to a function or
    to a class of ours; nothing else counts.

    :param sources: Python source texts
    :param groups: the names of all groups
    """

    def __init__(self, sources, groups):
        self.found = set()
        self._groups = groups
        # Name of a function, class or method -> (definition, whether its
        # first parameter is given by nobody).
        self._callables = {}
        self._bases = {}
        # (definition, parameter) -> groups; likewise of what "self" keeps,
        # for (name of a class, attribute).
        self._given = {}
        self._kept = {}
        trees = [ast.parse(source) for source in sources]
        for tree in trees:
            self._define(tree)
        # What is given on or inherited is known a step later each time.
        known = None
        while known != (known := (len(self._given), len(self._kept),
                                  len(self.found))):
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
        """Look into a tree.

        :param names: variable -> groups that it may be
        :param owner: the name of the class that it belongs to
        """
        if isinstance(node, ast.ClassDef):
            owner = node.name
        elif isinstance(node, ast.FunctionDef):
            names = {**names, **{
                argument.arg: self._given.get((node, argument.arg), set())
                for argument in (*node.args.args, *node.args.kwonlyargs)}}
        elif isinstance(node, ast.For):
            # "for group in ('a', 'b')": names of groups, in quotes.
            if (isinstance(node.target, ast.Name) and
                    isinstance(node.iter, (ast.Tuple, ast.List))):
                names[node.target.id] = {
                    f"'{each.value}'" for each in node.iter.elts
                    if getattr(each, 'value', None) in self._groups}
        for child in ast.iter_child_nodes(node):
            self._follow(child, names, owner)
        if isinstance(node, ast.Assign):
            groups = self._value(node.value, names, owner)
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names[target.id] = groups
                elif groups and _is_self(target):
                    self._kept.setdefault((owner, target.attr),
                                          set()).update(groups)
        elif isinstance(node, ast.Call):
            self._give(node, names, owner)
        elif (isinstance(node, ast.Attribute) and
              isinstance(node.ctx, ast.Load)):
            self.found |= {(group, node.attr) for group in
                           self._value(node.value, names, owner)}
            if _is_conf(node.value):
                self.found.add((DEFAULT, node.attr))

    def _value(self, node, names, owner):
        """The groups that an expression may be."""
        if isinstance(node, ast.Name):
            return names.get(node.id, set())
        if isinstance(node, ast.Subscript) and _is_conf(node.value):
            return {name.strip("'") for name in
                    self._value(node.slice, names, owner)}
        if isinstance(node, ast.Attribute):
            if _is_conf(node.value) and node.attr in self._groups:
                return {node.attr}
            if _is_self(node):
                return self._kept_by(owner, node.attr)
        return set()

    def _kept_by(self, owner, name):
        # Of some classes the base has the same name.
        found, owners = set(), [owner]
        for owner in owners:
            found |= self._kept.get((owner, name), set())
            owners += [base for base in self._bases.get(owner, ())
                       if base not in owners]
        return found

    def _give(self, call, names, owner):
        """Groups that are arguments are what parameters may be."""
        called = getattr(call.func, 'attr', getattr(call.func, 'id', None))
        wanted = [called]
        if called == '__init__':  # super().__init__
            wanted = self._bases.get(owner, ())
        for definition, bound in [each for name in wanted for each in
                                  self._callables.get(name, ())]:
            parameters = [each.arg for each in definition.args.args][bound:]
            for parameter, argument in (
                    *zip(parameters, call.args),
                    *((each.arg, each.value) for each in call.keywords)):
                groups = self._value(argument, names, owner)
                if groups:
                    self._given.setdefault((definition, parameter),
                                           set()).update(groups)


def _is_conf(node):
    """conf, _conf, anything.conf, as every ConfigOpts is called here."""
    return getattr(node, 'attr', getattr(node, 'id', None)) in (
        'conf', '_conf')


def _is_self(node):
    return (isinstance(node, ast.Attribute) and
            isinstance(node.value, ast.Name) and node.value.id == 'self')


def name_of(group):
    return group.name if group else DEFAULT


@functools.cache
def read_options():
    """What our code reads, outside of tests and of what defines options."""
    return Reads(
        [path.read_text(encoding='utf-8') for path in SOURCES.rglob('*.py')
         if not {'tests', 'conf'} & set(path.relative_to(SOURCES).parts)],
        {name_of(group) for group, _options in usermsg_conf.list_opts()}
    ).found


class ReadsTest(testtools.TestCase):

    def reads(self, *sources):
        return Reads([textwrap.dedent(source) for source in sources],
                     {'api', 'relay'}).found - {
            (DEFAULT, 'api'), (DEFAULT, 'relay')}

    def test_what_is_read_is_found(self):
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

    def test_what_is_not_read_is_not_found(self):
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

    def test_what_is_overridden_in_one_is_not_in_another(self):
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
                f'nobody reads [{name_of(group)}] {option.name}')

    def test_every_group_has_a_title(self):
        for group, _options in usermsg_conf.list_opts():
            if group:
                self.assertTrue(group.title)

    def test_every_option_says_what_it_is_for(self):
        for group, option in self.options():
            self.assertTrue(option.help.endswith('.'), option.name)

    def test_every_default_is_valid(self):
        conf = cfg.ConfigOpts()
        usermsg_conf.register_opts(conf)
        conf([], default_config_files=[], default_config_dirs=[])
        for group, option in self.options():
            value = (conf[group.name] if group else conf)[option.dest]
            if value is not None:
                self.assertEqual(value, option.type(
                    ','.join(value) if isinstance(value, list) else
                    str(value)))

    def test_registering_is_possible_more_than_once(self):
        conf = cfg.ConfigOpts()
        usermsg_conf.register_opts(conf)
        usermsg_conf.register_opts(conf)

    def test_registering_in_one_leaves_others_alone(self):
        usermsg_conf.register_opts(cfg.ConfigOpts())
        for group, _options in usermsg_conf.list_opts():
            if group:
                self.assertNotIn(group.name, cfg.CONF)


class SampleTest(base.TestCase):

    def setUp(self):
        super().setUp()
        # The generators set up the logging of their process, and change
        # defaults in libraries.
        self.useFixture(fixtures.FakeLogger())
        for _group, options in (('cors', cors.OPTS),
                                *auth_token.AUTH_TOKEN_OPTS):
            self.addCleanup(cfg.set_defaults, options, **{
                option.dest: option.default for option in options})
        self.path = self.home / 'sample'

    def test_the_sample_configuration(self):
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

    def test_the_sample_has_our_defaults_for_libraries(self):
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

    def test_the_sample_policy(self):
        conf = cfg.ConfigOpts()
        policy_generator.generate_sample(
            ['--namespace', 'usermsg', '--output-file', str(self.path)],
            conf=conf)
        text = self.path.read_text(encoding='utf-8')
        words = ' '.join(text.replace('#', ' ').split())
        self.assertIsNone(yaml.safe_load(text))
        for rule in policies.list_rules():
            self.assertIn(f'#"{rule.name}": "{rule.check_str}"', text)
            self.assertIn(' '.join(rule.description.split()), words)
            for operation in rule.operations:
                self.assertIn('{method} {path}'.format(**operation), words)

    def test_what_the_sample_says_is_the_default(self):
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

    def test_the_generators_find_us(self):
        for group, function in (
                ('oslo.config.opts', usermsg_conf.list_opts),
                ('oslo.config.opts.defaults', libraries.set_defaults),
                ('oslo.policy.policies', policies.list_rules)):
            found, = importlib.metadata.entry_points(group=group,
                                                     name='usermsg')
            self.assertIs(function, found.load())


class PoolTest(base.TestCase):

    def test_the_options_of_the_pool_count_for_sqlite_too(self):
        runtime = self.runtime(database={
            'max_pool_size': 3, 'max_overflow': 0, 'pool_timeout': 7})
        pool = runtime.db.engine().pool
        self.assertEqual(3, pool.size())
        self.assertEqual(7, pool.timeout())
        with runtime.db.reader() as connection:
            self.assertEqual(1, connection.exec_driver_sql(
                'SELECT 1').scalar())
