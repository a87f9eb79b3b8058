# SPDX-License-Identifier: Apache-2.0
"""Policy enforcement: oslo.policy with strict validation of policy files.

oslo.policy turns a rule that it can't parse into one that denies everything,
an empty rule into one that permits everything, and ignores a rule with a
misspelt name. If the file is missing, it uses the defaults. Users would be the
first to notice. Here a process with an invalid policy file doesn't start, and
a running process keeps its previous rules.
"""

import ast
import functools
import importlib.metadata
import operator
import os
import pathlib
import re
import time

from oslo_config import cfg
from oslo_context import context
from oslo_log import log
from oslo_policy import policy

from usermsg import exception
from usermsg import policies
from usermsg import yamlfile

LOG = log.getLogger(__name__)

# A reference to another rule, "rule:name"; a target value, "%(name)s"; and a
# "%" that doesn't begin one.
_REFERENCE = re.compile(r'(?:(?<=[\s(])|^)rule:([^\s()]+)')
_TARGET = re.compile(r'%\(([^()]+)\)s')
_BAD_FORMAT = re.compile(r'%(?!\([^()]+\)s)')
# The kind of a check: "http" in "http://..." and "role" in "role:admin".
_KIND = re.compile(r'(?:(?<=[\s(])|^)([^\s():]+):')

# Attributes of a context that a rule can use: those of to_policy_values().
_ATTRIBUTES = (
    'user_id', 'user_domain_id', 'system_scope', 'domain_id', 'project_id',
    'project_domain_id', 'is_admin_project', 'service_user_id',
    'service_user_domain_id', 'service_project_id',
    'service_project_domain_id')
_get_attributes = operator.attrgetter(*_ATTRIBUTES)

#: Number of decisions in the cache, which drops the least recently used ones.
CACHED_DECISIONS = 10000


class Policy:
    """Policy rules: the documented defaults and the operator's files.

    :param conf: configuration with ``[oslo_policy]``
    :param check_interval: seconds between checks for changed files
    :raises usermsg.exception.ConfigurationError: a policy file can't be
        read, isn't valid, or names a rule that doesn't exist
    """

    def __init__(self, conf, check_interval=1):
        self._conf = conf
        self._file_state = _get_file_state(conf)
        self._check_interval = check_interval
        self._next_check = time.monotonic() + check_interval
        self._rules = _Rules(conf, read_files(conf))

    def allows(self, context, rule, project_id):
        """Return True if a context may act on the resources of a project.

        :param context: an oslo.context RequestContext
        :param rule: a rule's name in :mod:`usermsg.policies`
        :param project_id: the project's id, or None
        """
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + self._check_interval
            self._reload_changed_files()
        return self._rules.allows(context, rule, project_id)

    def _reload_changed_files(self):
        file_state = _get_file_state(self._conf)
        if file_state == self._file_state:
            return
        # Stored first, so that invalid files are logged only once.
        self._file_state = file_state
        try:
            files = read_files(self._conf)
            for path, content in self._rules.files.items():
                # The cause is more often an interrupted copy than a decision.
                if content and path not in files:
                    raise exception.ConfigurationError(
                        'the file had rules and was removed; restart the '
                        'service to use the default rules.', path)
            rules = _Rules(self._conf, files)
        except exception.ConfigurationError as error:
            LOG.error('A changed policy file is invalid; the previous rules '
                      'stay in force: %s', error)
            return
        changed = {name for name, _text in rules.texts ^ self._rules.texts}
        LOG.info('The policy files have changed. Changed rules: %s.',
                 ', '.join(sorted(changed)) or 'none')
        self._rules = rules


class _Rules:
    """Rules of one reading of the files, with a cache of their decisions.

    A decision of oslo.policy takes 0.1 ms, which is most of the time of
    showing a message.

    :param files: result of :func:`read_files`
    """

    def __init__(self, conf, files):
        self.files = files
        self._enforcer = make_enforcer(conf, files)
        self.texts = {(name, str(check))
                      for name, check in self._enforcer.rules.items()}
        # The check of a plug-in, such as "http:", may query another service,
        # so its result must not be cached.
        plugin_kinds = _plugin_kinds()
        cache_size = 0 if any(
            plugin_kinds.intersection(_KIND.findall(text))
            for _name, text in self.texts) else CACHED_DECISIONS
        self._decide = functools.lru_cache(cache_size)(self._evaluate)
        for warning in unsupported_check_warnings(files):
            LOG.warning('Policy: %s', warning)

    def allows(self, context, rule, project_id):
        # Rules compare strings, and the string of a token's missing project
        # is "None", which could match. So the target has no project either: a
        # rule that refers to a missing key of the target fails.
        if not context.project_id:
            project_id = None
        return self._decide(rule, project_id, tuple(context.roles),
                            tuple(context.service_roles),
                            _get_attributes(context))

    def _evaluate(self, rule, project_id, roles, service_roles, attributes):
        return bool(self._enforcer.authorize(
            rule, {'project_id': project_id} if project_id else {},
            {'roles': list(roles), 'service_roles': list(service_roles),
             **dict(zip(_ATTRIBUTES, attributes))}))


def _plugin_kinds():
    """Return the kinds of checks that installed packages add, as "http"."""
    return {entry.name for entry in importlib.metadata.entry_points(
        group='oslo.policy.rule_checks')}


def unsupported_check_warnings(files):
    """Yield a warning for each check in an operator's files that can't match.

    Such a check isn't an error: a rule that several services share may contain
    checks that only some of them support.

    :param files: result of :func:`read_files`
    """
    supported = {'role', 'rule', *_plugin_kinds(),
                 *context.RequestContext().to_policy_values()}
    for path, content in files.items():
        for name, rule in content.items():
            for kind in _KIND.findall(rule):
                if kind not in supported and not _is_literal(kind):
                    yield (f'{path}:{content.line_of(name)}: {name}: '
                           f'"{kind}:" is neither a kind of check nor an '
                           f'attribute of a token, so it never matches.')


def _is_literal(kind):
    """Return True if the kind is a literal, which the check compares."""
    try:
        ast.literal_eval(kind)
    except (SyntaxError, ValueError):
        return False
    return True


def _get_file_state(conf):
    """Return a value that differs if a policy file has changed."""
    try:
        stats = [(path, os.stat(path)) for path in _policy_files(conf)]
    except (exception.ConfigurationError, OSError) as error:
        return str(error)
    return [(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            for path, stat in stats]


def read_files(conf):
    """Return the validated content of the policy files: path -> rules.

    :raises usermsg.exception.ConfigurationError: see :class:`Policy`
    """
    files = {path: yamlfile.load(path, may_be_empty=False)
             for path in _policy_files(conf)}
    defaults = {rule.name for rule in policies.list_rules()}
    names = defaults.union(*files.values())
    for path, content in files.items():
        for name, rule in content.items():
            if reason := _unusable_reason(rule, names):
                raise exception.ConfigurationError(
                    f'{name}: {reason}', path, content.line_of(name))
    used = defaults.union(*(
        _REFERENCE.findall(rule) for content in files.values()
        for rule in content.values()))
    for path, content in files.items():
        for name in content:
            if name not in used:
                raise exception.ConfigurationError(
                    f'{name}: this rule does not exist, and no other rule '
                    f'refers to it; the rules are '
                    f'{", ".join(sorted(defaults))}.',
                    path, content.line_of(name))
    return files


def make_enforcer(conf, files=None):
    """Return oslo.policy's enforcer with the rules of validated files.

    :param files: result of :func:`read_files`; without it oslo.policy reads
        the files itself, which its tools need. A file can change between two
        readings.
    """
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    if files is None:
        enforcer.load_rules()
    else:
        texts = {rule.name: rule.check_str for rule in policies.list_rules()}
        for content in files.values():
            texts.update(content)
        enforcer.set_rules(policy.Rules.from_dict(texts), use_conf=False)
    try:
        enforcer.check_rules(raise_on_violation=True)
    except policy.InvalidDefinitionError as error:  # a circular reference
        raise exception.ConfigurationError(str(error)) from None
    # Otherwise it would reload changed files without this validation.
    enforcer.use_conf = False
    return enforcer


def _policy_files(conf):
    name = conf.oslo_policy.policy_file
    path = conf.find_file(name)
    if path is not None:
        yield path
    else:
        location = conf.get_location('policy_file', 'oslo_policy').location
        if location not in (cfg.Locations.opt_default,
                            cfg.Locations.set_default):
            raise exception.ConfigurationError(
                'the file set in [oslo_policy] policy_file does not exist.',
                name)
    for name in conf.oslo_policy.policy_dirs:
        directory = conf.find_file(name)
        if directory is not None:
            try:
                paths = sorted(pathlib.Path(directory).iterdir())
            except OSError as error:
                raise exception.ConfigurationError(
                    f'the directory cannot be read: {error.strerror}.',
                    directory) from None
            for path in paths:
                if path.is_file() and not path.name.startswith('.'):
                    yield str(path)


def _unusable_reason(rule, names):
    """Return the reason why a rule would not do what it seems to, or None.

    :param names: names of the default rules and of the rules in any file
    """
    if not isinstance(rule, str):
        return 'the rule is not a string.'
    if not rule.strip():
        return ('the rule is empty, which would permit everything; write "@" '
                'if that is intended.')
    # oslo.policy turns a rule that it can't parse into "!", which never
    # matches.
    parsed = str(policy.RuleDefault('', rule).check)
    if ((parsed == '!' and rule.strip() != '!') or
            _BAD_FORMAT.search(rule.replace('%%', ''))):
        return f'the rule {rule!r} cannot be parsed.'
    for reference in _REFERENCE.findall(rule):
        if reference not in names:
            return f'the rule {reference}, which it refers to, does not exist.'
    for key in _TARGET.findall(rule):
        if key != 'project_id':
            return (f'%({key})s is not supported and would never match; only '
                    f'%(project_id)s is supported.')
    return None
