# SPDX-License-Identifier: Apache-2.0
"""Limit on the expensive requests that a process handles at a time.

Without it, a few clients of one project that read many rows would occupy all
threads of the server, and all other projects would wait. The decision that a
request is expensive belongs to the controllers, which know its query.
"""

import collections
import contextlib
import os
import threading
import time

from usermsg.api import errors
from usermsg.concurrency import per_process

#: Threads that a process is assumed to have under WSGI servers, which don't
#: disclose their number. It is the number in uwsgi.ini.
ASSUMED_THREADS = 4

#: Maximum expensive requests of one project that are handled at a time, and
#: that wait.
MAX_RUNNING = 2
MAX_WAITING = 2

#: Part of the time of one thread that the expensive requests of a project may
#: use, and the seconds of work beyond it that it may use at once.
SHARE = 0.05
BURST = 0.5

#: Maximum of the seconds that a project waits for its share.
MAX_REST = 1


class Limiter:
    """Places for expensive requests. Thread-safe and fork-safe.

    Every expensive request occupies a thread of the server, even if it waits,
    so all of them together have half of the threads, or three if that is
    more, but never the last thread of several. One project is handled in at
    most two of these places, but never in the last of several. A process with
    one thread has one place, in that thread. A waiting request gives its place
    up to one of a project that has fewer, or that may begin at once while it
    only waits for its share; so one project can't prevent the expensive
    requests of another. One CPU core remains for other projects, too: two
    requests that keep both cores of a machine busy made the lists of others
    three times as slow as one.

    A project that has used its share of the time waits, see :data:`SHARE`.
    Otherwise lists of 20 ms, one after the other, delayed more than one in a
    hundred lists of other projects.

    :param metrics: a :class:`usermsg.metrics.registry.Metrics`
    :param threads: number of requests that this process handles at a time
    :param timeout: seconds for which a request waits
    :param cores: number of CPU cores; None for those of this process
    :param clock: function that returns the time in seconds
    """

    def __init__(self, metrics, threads=ASSUMED_THREADS, timeout=1,
                 cores=None, clock=time.monotonic):
        if cores is None:
            cores = len(os.sched_getaffinity(0))
        places = max(1, min(max(3, threads // 2), threads - 1))
        max_running = max(1, min(MAX_RUNNING, places - 1, cores - 1))
        self._process = per_process.PerProcess(
            lambda: _Places(places, max_running, clock))
        self._timeout = timeout
        self._clock = clock
        self._count = metrics.lists_refused.inc

    @contextlib.contextmanager
    def admit(self, project_id, cause, can_wait=True):
        """Hold a place in the context, if the request is expensive.

        :param project_id: project of the client's token
        :param cause: reason why the request is expensive, the label of a
            metric; None if it isn't
        :param can_wait: False in the only thread of a process, in which all
            other requests would wait as well
        :raises usermsg.api.errors.TooManyRequests: there is no place
        """
        if cause is None:
            yield
            return
        places = self._process.get()
        try:
            places.enter(project_id, self._timeout if can_wait else 0)
        except errors.TooManyRequests:
            self._count(1, (cause,))
            raise
        begin = self._clock()
        try:
            yield
        finally:
            places.leave(project_id, self._clock() - begin)

    def in_progress(self):
        """Return project id -> (requests that are handled, that wait)."""
        return self._process.get().in_progress()


class _Project:
    """Requests in progress of one project.

    :ivar waiting: an object for each waiting request, in their order
    """

    def __init__(self):
        self.running = 0
        self.waiting = collections.deque()

    def __len__(self):
        return self.running + len(self.waiting)


class _Places:
    """Places of one process, and the time that each project has used.

    :param number: of requests, running or waiting
    :param max_running: of one project
    """

    def __init__(self, number, max_running, clock):
        self._number = number
        self._max_running = max_running
        self._clock = clock
        self._changed = threading.Condition()
        #: Only projects with requests in progress.
        self._projects = {}
        #: Project id -> time at which it will have its whole burst again.
        self.full_at = {}

    def enter(self, project_id, timeout):
        """Take a place; wait for it if necessary.

        :raises usermsg.api.errors.TooManyRequests: there is none
        """
        with self._changed:
            project = self._projects.get(project_id) or _Project()
            request = object()
            begins = self._may_begin(project_id, project)
            if not begins and len(project.waiting) >= MAX_WAITING:
                raise errors.TooManyRequests()
            if sum(map(len, self._projects.values())) >= self._number:
                self._free_place(len(project), begins)
            self._projects[project_id] = project
            project.waiting.append(request)
            end = self._clock() + timeout
            try:
                while not (project.waiting[0] is request and
                           self._may_begin(project_id, project, 1)):
                    self._wait(project_id, project, request, end)
                    if request not in project.waiting:
                        raise errors.TooManyRequests()
                project.running += 1
            finally:
                # Also if the process is stopped, or a server ends a slow
                # request.
                if request in project.waiting:
                    project.waiting.remove(request)
                self._forget_if_idle(project_id)
                self._changed.notify_all()

    def _wait(self, project_id, project, request, end):
        remaining = end - self._clock()
        if remaining <= 0:
            raise errors.TooManyRequests()
        if (project.waiting[0] is request and
                project.running < self._max_running):
            remaining = min(remaining, self._rest(project_id))
        self._changed.wait(remaining)

    def leave(self, project_id, seconds):
        """Leave a place.

        :param seconds: duration of the request
        """
        with self._changed:
            now = self._clock()
            full_at = max(now, self.full_at.get(project_id, now))
            # Only projects that have used some of it, so that there are few.
            self.full_at = {project: other for project, other
                            in self.full_at.items() if other > now}
            self.full_at[project_id] = min(
                full_at + seconds / SHARE, now + BURST / SHARE + MAX_REST)
            self._projects[project_id].running -= 1
            self._forget_if_idle(project_id)
            self._changed.notify_all()

    def in_progress(self):
        with self._changed:
            return {
                project_id: (project.running, len(project.waiting))
                for project_id, project in self._projects.items()}

    def _rest(self, project_id):
        """Return the seconds until a project may use a place."""
        return max(0.0, self.full_at.get(project_id, 0) - self._clock() -
                   BURST / SHARE)

    def _may_begin(self, project_id, project, waiting=0):
        """Return True if a request needn't wait.

        :param waiting: 1 if the request itself waits
        """
        return (project.running < self._max_running and
                (waiting or not project.waiting) and
                not self._rest(project_id))

    def _free_place(self, size, begins):
        """Refuse a waiting request of the project with the most requests.

        :param size: number of requests of the project that needs the place;
            with one more it must still have fewer than the other project
        :param begins: True if it would begin at once: then it may also have
            the place of a project that only waits for its share
        """
        others = [project for project in self._projects.values()
                  if project.waiting and (
                      len(project) > size + 1 or
                      begins and not size and not project.running)]
        if not others:
            raise errors.TooManyRequests()
        max(others, key=len).waiting.pop()
        self._changed.notify_all()

    def _forget_if_idle(self, project_id):
        if not self._projects.get(project_id, True):
            del self._projects[project_id]
