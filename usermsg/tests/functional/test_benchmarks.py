# SPDX-License-Identifier: Apache-2.0
"""Short form of the benchmarks of the API.

No test asserts a time: the ratio to a bare program in the same run is nearly
the same on a slow or busy machine, and the limit is far below the usual ratio.
"""

import json
import pathlib
import subprocess
import sys

from usermsg.tests import base

_BENCHMARKS = pathlib.Path(__file__).parents[3] / 'benchmarks'


def run(program, *arguments):
    """Run a benchmark; return its output."""
    end = subprocess.run(
        [sys.executable, _BENCHMARKS / program, *arguments], check=False,
        capture_output=True, text=True, timeout=240)
    if end.returncode:
        raise AssertionError(end.stdout + end.stderr)
    return end.stdout


class TestBenchmarks(base.TestCase):

    def test_speed_has_not_collapsed_compared_to_the_bare_program(self):
        results = json.loads(run(
            'api.py', '--database', 'SQLite', '--case', 'list(100)',
            '--case', 'create(100)', '--rows', '3000', '--rounds', '9',
            '--seconds', '0.1', '--json'))
        ratios = {row['case']: row['ratio'] for row in results}
        self.assertEqual({'list(100)', 'create(100)'}, set(ratios))
        self.assertGreater(min(ratios.values()), 0.15, ratios)

    def test_comparison_with_cinder_and_manila_runs(self):
        path = pathlib.Path(self.home, 'results.json')
        output = run('peers.py', '--short', '--rounds', '1',
                     '--seconds', '0.1', '--json', str(path))
        results = json.loads(path.read_text())['table']
        self.assertEqual(8, len(results))
        self.assertEqual({'Cinder', 'Manila'},
                         {row['peer'] for row in results})
        self.assertIn('of bare', output)
