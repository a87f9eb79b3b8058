# SPDX-License-Identifier: Apache-2.0
"""Faults of the nodes of clusters while messages are created.

    python benchmarks/cluster.py [--messages N] [--engine NAME ...]

The doc page "More than one machine" explains the results.
"""

import argparse
import pathlib
import tempfile
import time

from usermsg.tests.fixtures import cluster_load


def write_to(directory):
    """Return a function that writes files into a directory."""
    def write(name, text):
        path = pathlib.Path(directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        return str(path)
    return write


def run(deployment, messages, interval):
    """Run a load; print its measurements and what was lost."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        load = cluster_load.Load(write_to(directory), deployment, interval)
        try:
            faults = deployment.faults()
            load.run(faults, messages // (2 * len(faults) + 1), print)
            print('lost:', load.finish() or 'nothing')
            print(load.summary())
            print(f'{time.monotonic() - begin:.0f} s')
        finally:
            load.stop()


#: With five seconds until a failed node is evicted.
ENGINES = {**cluster_load.DEPLOYMENTS,
           'galera-defaults': lambda: cluster_load.deploy_galera({})}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--messages', type=int, default=20000)
    parser.add_argument('--interval', type=float, default=0.0,
                        help='seconds between two messages of a client')
    parser.add_argument('--engine', nargs='+', choices=ENGINES,
                        default=list(ENGINES))
    options = parser.parse_args()
    for name in options.engine:
        print(f'{name}:', flush=True)
        deployment = ENGINES[name]()
        try:
            run(deployment, options.messages, options.interval)
        finally:
            deployment.stop()


if __name__ == '__main__':
    main()
