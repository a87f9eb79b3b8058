# SPDX-License-Identifier: Apache-2.0
"""Agreement of the dashboard's policy files and the service's rules."""

import runpy

from usermsg.tests import base


class DashboardPolicyTest(base.TestCase):

    def test_files_are_those_of_the_rules(self):
        tool = base.ROOT / 'tools' / 'dashboard_policy.py'
        for path, contents in runpy.run_path(str(tool))['render']().items():
            self.assertEqual(contents, path.read_text(encoding='utf-8'),
                             f'{path} is outdated: run {tool.name}')
