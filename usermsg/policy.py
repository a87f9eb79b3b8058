# SPDX-License-Identifier: Apache-2.0
"""The policy: oslo.policy, strict about what an operator wrote.

oslo.policy turns a rule that it can't parse into "nobody", one without text
into "everybody", and ignores a rule whose name is misspelt. Without a file it
goes back to the defaults. That would be found out by users; here the process
doesn't start, and one that runs keeps the rules from before.
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

# What a rule refers to, "rule:name", and a "%" that is not "%(name)s".
_REFERENCE = re.compile(r'(?:(?<=[\s(])|^)rule:([^\s()]+)')
_TARGET = re.compile(r'%\(([^()]+)\)s')
_BAD_FORMAT = re.compile(r'%(?!\([^()]+\)s)')
# What a check asks: "http" in "http://..." and "role" in "role:admin".
_KIND = re.compile(r'(?:(?<=[\s(])|^)([^\s():]+):')

# All that a rule can see of a context: what to_policy_values() holds.
_SEEN = ('user_id', 'user_domain_id', 'system_scope', 'domain_id',
         'project_id', 'project_domain_id', 'is_admin_project',
         'service_user_id', 'service_user_domain_id', 'service_project_id',
         'service_project_domain_id')
_seen = operator.attrgetter(*_SEEN)

#: Decisions that are remembered, those that were asked for last.
REMEMBERED = 10000


class Policy:
    """Decides, from the documented defaults and an operator's files.

    :param conf: where ``[oslo_policy]`` is read
    :param look_every: seconds between two looks at the files
    :raises usermsg.exception.ConfigurationError: a policy file can't be
        read, isn't valid, or names a rule of ours that doesn't exist
    """

    def __init__(self, conf, look_every=1):
        self._conf = conf
        self._state = _state(conf)
        self._look_every = look_every
        self._look_at = time.monotonic() + look_every
        self._rules = _Rules(conf, read_files(conf))

    def allows(self, context, rule, project_id):
        """Whether a context may do something to what a project owns.

        :param context: an oslo.context RequestContext
        :param rule: a name in :mod:`usermsg.policies`
        :param project_id: of the project, or None
        """
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._look_every
            self._follow_files()
        return self._rules.allow(context, rule, project_id)

    def _follow_files(self):
        state = _state(self._conf)
        if state == self._state:
            return
        # Kept first, so that files that can't be used are complained of once.
        self._state = state
        try:
            files = read_files(self._conf)
            for path, content in self._rules.files.items():
                # An interrupted copy, more often than a decision.
                if content and path not in files:
                    raise exception.ConfigurationError(
                        'it had rules and is gone; restart the service to '
                        'do without them.', path)
            rules = _Rules(self._conf, files)
        except exception.ConfigurationError as error:
            LOG.error('A policy file was changed and cannot be used; the '
                      'rules read before stay in force: %s', error)
            return
        changed = {name for name, _text in rules.texts ^ self._rules.texts}
        LOG.info('The policy files were changed. Rules that differ now: %s.',
                 ', '.join(sorted(changed)) or 'none')
        self._rules = rules


class _Rules:
    """The rules as they were read once, and what they decided since.

    oslo.policy takes 0.1 ms to decide, which is most of what it costs to
    show a message.

    :param files: of :func:`read_files`
    """

    def __init__(self, conf, files):
        self.files = files
        self._enforcer = make_enforcer(conf, files)
        self.texts = {(name, str(check))
                      for name, check in self._enforcer.rules.items()}
        asks_elsewhere = _plugged_in()
        remembered = 0 if any(
            asks_elsewhere.intersection(_KIND.findall(text))
            for _name, text in self.texts) else REMEMBERED
        self._decide = functools.lru_cache(remembered)(self._ask)
        for doubt in upgrade_warnings(files):
            LOG.warning('Policy: %s', doubt)

    def allow(self, context, rule, project_id):
        # Rules compare texts, and a token's missing project has one too:
        # "None". A rule that needs what the target lacks is not fulfilled.
        if not context.project_id:
            project_id = None
        return self._decide(rule, project_id, tuple(context.roles),
                            tuple(context.service_roles), _seen(context))

    def _ask(self, rule, project_id, roles, service_roles, seen):
        return bool(self._enforcer.authorize(
            rule, {'project_id': project_id} if project_id else {},
            {'roles': list(roles), 'service_roles': list(service_roles),
             **dict(zip(_SEEN, seen))}))


def _plugged_in():
    """Kinds of checks that packages bring, such as "http"."""
    return {entry.name for entry in importlib.metadata.entry_points(
        group='oslo.policy.rule_checks')}


def upgrade_warnings(files):
    """What stands in an operator's files and never matches, in sentences.

    It isn't refused: a rule that is the same for several services may hold
    what only some of them know.

    :param files: of :func:`read_files`
    """
    known = {'role', 'rule', *_plugged_in(),
             *context.RequestContext().to_policy_values()}
    for path, content in files.items():
        for name, rule in content.items():
            for kind in _KIND.findall(rule):
                if kind not in known and not _is_literal(kind):
                    yield (f'{path}:{content.line_of(name)}: {name}: '
                           f'"{kind}:" is no kind of check, and nothing that '
                           f'is known of who asks: it never matches.')


def _is_literal(kind):
    """Whether a check compares a value that it holds itself."""
    try:
        ast.literal_eval(kind)
    except (SyntaxError, ValueError):
        return False
    return True


def _state(conf):
    """Something that differs when a policy file does."""
    try:
        stats = [(path, os.stat(path)) for path in _policy_files(conf)]
    except (exception.ConfigurationError, OSError) as error:
        return str(error)
    return [(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            for path, stat in stats]


def read_files(conf):
    """Return the content of the policy files: path -> rules, checked.

    :raises usermsg.exception.ConfigurationError: as :class:`Policy`
    """
    files = {path: yamlfile.load(path, may_be_empty=False)
             for path in _policy_files(conf)}
    defaults = {rule.name for rule in policies.list_rules()}
    named = defaults.union(*files.values())
    for path, content in files.items():
        for name, rule in content.items():
            if fault := _fault(rule, named):
                raise exception.ConfigurationError(
                    f'{name}: {fault}', path, content.line_of(name))
    used = defaults.union(*(
        _REFERENCE.findall(rule) for content in files.values()
        for rule in content.values()))
    for path, content in files.items():
        for name in content:
            if name not in used:
                raise exception.ConfigurationError(
                    f'{name}: there is no such rule, and none refers to it; '
                    f'there are {", ".join(sorted(defaults))}.',
                    path, content.line_of(name))
    return files


def make_enforcer(conf, files=None):
    """oslo.policy's enforcer, of files that were checked.

    :param files: of :func:`read_files`; without it oslo.policy reads them,
        as its tools want it. A file can change between two readings.
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
    except policy.InvalidDefinitionError as error:  # they form a circle
        raise exception.ConfigurationError(str(error)) from None
    # It would read changed files by itself, without any of these checks.
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
                'the file named by [oslo_policy] policy_file does not '
                'exist.', name)
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


def _fault(rule, named):
    """Reason to refuse a rule that would not do what it looks like, or None.

    :param named: names of our own rules, and those that stand in any file
    """
    if not isinstance(rule, str):
        return 'the rule is not a string.'
    if not rule.strip():
        return ('the rule is empty, which would allow it to everybody; write '
                '"@" for that.')
    # What oslo.policy can't parse becomes "!", which is never allowed.
    parsed = str(policy.RuleDefault('', rule).check)
    if ((parsed == '!' and rule.strip() != '!') or
            _BAD_FORMAT.search(rule.replace('%%', ''))):
        return f'the rule {rule!r} cannot be understood.'
    for reference in _REFERENCE.findall(rule):
        if reference not in named:
            return f'there is no rule {reference}.'
    for key in _TARGET.findall(rule):
        if key != 'project_id':
            return (f'%({key})s is not known here and would never match; only '
                    f'%(project_id)s is.')
    return None
