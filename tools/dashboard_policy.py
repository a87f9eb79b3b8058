# SPDX-License-Identifier: Apache-2.0
"""Write the policy files of the dashboard from the service's rules.

    python tools/dashboard_policy.py

Horizon evaluates the rules to hide what a user may not do. It reads the
defaults from one file, and what an operator has changed from another one, in
which all rules are comments at first.
"""

import pathlib
import tempfile

from oslo_policy import generator
import yaml

from usermsg import policies

_CONF = (pathlib.Path(__file__).parents[1] / 'dashboard' /
         'usermsg_dashboard' / 'conf')


def render():
    """Return the files: a dict of path -> contents."""
    with tempfile.NamedTemporaryFile('r', encoding='utf-8') as sample:
        generator.generate_sample(
            ['--namespace', 'usermsg', '--output-file', sample.name])
        overrides = sample.read()
    defaults = [{
        'name': rule.name, 'check_str': rule.check_str,
        'description': rule.description, 'operations': rule.operations,
        'scope_types': rule.scope_types} for rule in policies.list_rules()]
    return {
        _CONF / 'user_message_policy.yaml': overrides,
        _CONF / 'default_policies' / 'user_message.yaml': yaml.safe_dump(
            defaults, sort_keys=False),
    }


if __name__ == '__main__':
    for path, contents in render().items():
        path.write_text(contents, encoding='utf-8')
