# SPDX-License-Identifier: Apache-2.0
"""Nodes fail one after the other while messages are created and followed.

``python benchmarks/cluster.py`` does the same with more messages, and prints
measurements.
"""

import testscenarios

from usermsg.tests import base
from usermsg.tests.fixtures import cluster_load


class TestFaults(testscenarios.WithScenarios, base.TestCase):

    scenarios = [(name, {'make': staticmethod(make)})
                 for name, make in cluster_load.DEPLOYMENTS.items()]

    #: Messages that are created before, during and after each fault.
    messages = 40

    def test_failing_nodes_lose_nothing(self):
        deployment = self.make()
        self.addCleanup(deployment.stop)
        load = cluster_load.Load(self.write, deployment)
        self.addCleanup(load.stop)
        load.run(deployment.faults(), self.messages)
        self.assertEqual({}, load.finish())
