# SPDX-License-Identifier: Apache-2.0
"""Compare the time of Project > Messages to that of a page of Horizon's own.

The other page is Project > API Access, which reads from no service but
Keystone, either. A real Keystone, Horizon and usermsg serve them.
"""

import argparse
import statistics
import sys
import time

import data
import requests

from usermsg.db import models
from usermsg.tests.fixtures import cloud

_PAGES = ('/project/usermsg/', '/project/api_access/')

#: Seconds that the page of messages may take longer.
GOAL = 0.3


def measure(session, url):
    """Return the seconds of one page."""
    start = time.perf_counter()
    response = session.get(url, timeout=60, allow_redirects=False)
    seconds = time.perf_counter() - start
    if response.status_code != 200:
        sys.exit(f'{url}: {response.status_code}')
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=51)
    parser.add_argument('--rows', type=int, default=10_000)
    arguments = parser.parse_args()
    with cloud.Cloud() as servers, requests.Session() as session:
        project_id = servers.identity.project('red')
        with servers.service.runtime.db.engine().begin() as connection:
            connection.execute(models.messages.insert(), [
                {**row, 'project_id': project_id}
                for row in data.make_rows(arguments.rows, 0)])
        password = servers.identity.user(
            'alice', project='red', roles=['member'])
        session.cookies.update(servers.horizon.sign_in('alice', password))
        urls = [f'{servers.horizon.url}{page}' for page in _PAGES]
        # Without what the first request of a process loads.
        if 'rel="next"' not in session.get(urls[0], timeout=60).text:
            sys.exit('The page has no messages, or not all of them.')
        measure(session, urls[1])
        times = [[measure(session, url) for url in urls]
                 for _ in range(arguments.rounds)]
    # Of successive pages, as the load of the machine changes.
    difference = statistics.median(
        messages - other for messages, other in times)
    for page, seconds in zip(_PAGES, zip(*times)):
        print(f'{page:<22}{1000 * statistics.median(seconds):>6.0f} ms')
    print(f'{"difference":<22}{1000 * difference:>6.0f} ms')
    return int(difference > GOAL)


if __name__ == '__main__':
    sys.exit(main())
