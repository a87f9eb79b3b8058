# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""The policy: oslo.policy, strict about what an operator wrote.

oslo.policy turns a rule that it can't parse into "nobody", and ignores a
rule whose name is misspelt. Both would be found out by users; here the
process doesn't start.
"""

import os
import pathlib

from oslo_config import cfg
from oslo_log import log
from oslo_policy import policy
import yaml

from usermsg import exception
from usermsg import policies
from usermsg import yamlfile

LOG = log.getLogger(__name__)


class Policy:
    """Decides, from the documented defaults and an operator's files.

    :param conf: where ``[oslo_policy]`` is read
    :raises usermsg.exception.ConfigurationError: a policy file can't be
        read, isn't valid, or names a rule of ours that doesn't exist
    """

    def __init__(self, conf):
        self._enforcer = policy.Enforcer(conf)
        self._enforcer.register_defaults(policies.list_rules())
        known = {rule.name for rule in policies.list_rules()}
        for path in _policy_files(conf):
            _check_file(path, known)
        self._enforcer.load_rules()

    def allows(self, context, rule, project_id):
        """Whether a context may do something to what a project owns.

        :param context: an oslo.context RequestContext
        :param rule: a name in :mod:`usermsg.policies`
        :param project_id: of the project, or None
        """
        # None would become the text "None", which equals the text of a
        # token's missing project.
        target = {'project_id': project_id or ''}
        try:
            return bool(self._authorize(context, rule, target))
        except policy.InvalidScope:
            return False

    def _authorize(self, context, rule, target):
        try:
            return self._enforcer.authorize(rule, target, context)
        except (ValueError, yaml.YAMLError,
                cfg.ConfigFilesPermissionDeniedError) as error:
            # A file was broken while we run. The enforcer has marked it as
            # read, so that the next call goes on with the rules from before.
            LOG.error('A policy file was changed and cannot be used; the '
                      'rules read before stay in force: %s', error)
            return self._enforcer.authorize(rule, target, context)


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
            for entry in sorted(os.listdir(directory)):
                path = pathlib.Path(directory, entry)
                if path.is_file() and not entry.startswith('.'):
                    yield str(path)


def _check_file(path, known):
    content = yamlfile.load(path)
    if content is None:
        return
    if not isinstance(content, yamlfile.Mapping):
        raise exception.ConfigurationError(
            'a policy file is a mapping of rule names to rules.', path, 1)
    for name, rule in content.items():
        line = content.line_of(name)
        if not isinstance(rule, str):
            raise exception.ConfigurationError(
                f'{name}: the rule is not a string.', path, line)
        if name.startswith('message:') and name not in known:
            raise exception.ConfigurationError(
                f'{name}: there is no such rule; there are '
                f'{", ".join(sorted(known))}.', path, line)
        # What oslo.policy can't parse becomes "!", which is never allowed.
        parsed = policy.RuleDefault(name, rule).check
        if str(parsed) == '!' and rule.strip() != '!':
            raise exception.ConfigurationError(
                f'{name}: the rule {rule!r} cannot be understood.', path,
                line)
