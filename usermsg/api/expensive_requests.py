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

#: Rest of a project after an expensive request, as a multiple of the time that
#: the request took, and its maximum in seconds. With a rest of nine times, a
#: place is used for a tenth of the time.
REST = 9
MAX_REST = 1


class Limiter:
    """Places for expensive requests. Thread-safe and fork-safe.

    Every expensive request occupies a thread of the server, even if it waits,
    so all of them together have half of the threads, or three if that is
    more, but never the last thread of several. One project is handled in at
    most two of these places, but never in the last of several. A process with
    one thread has one place, in that thread. A waiting request gives its place
    up to one of a project that has fewer, so one project can't prevent the
    expensive requests of another. One CPU core remains for other projects,
    too: two requests that keep both cores of a machine busy made the lists of
    others three times as slow as one.

    A project rests after an expensive request: the next one waits, with its
    place, see :data:`REST`. Otherwise lists of 20 ms, one after the other,
    delayed more than one in a hundred lists of other projects. The only
    thread of a process doesn't wait, since no other thread could use the time.

    :param metrics: a :class:`usermsg.metrics.registry.Metrics`
    :param threads: number of requests that this process handles at a time
    :param timeout: seconds for which a request waits for a place
    :param cores: number of CPU cores; None for those of this process
    :param clock: function that returns the time in seconds
    :param sleep: function that waits for a number of seconds
    """

    def __init__(self, metrics, threads=ASSUMED_THREADS, timeout=1,
                 cores=None, clock=time.monotonic, sleep=time.sleep):
        if cores is None:
            cores = len(os.sched_getaffinity(0))
        places = max(1, min(max(3, threads // 2), threads - 1))
        max_running = max(1, min(MAX_RUNNING, places - 1, cores - 1))
        max_rest = MAX_REST if threads > 1 else 0
        self._process = per_process.PerProcess(
            lambda: (_Places(places, max_running),
                     _Rests(max_rest, clock, sleep)))
        self._timeout = timeout
        self._count = metrics.lists_refused.inc

    @contextlib.contextmanager
    def admit(self, project_id, cause):
        """Hold a place in the context, if the request is expensive.

        The context begins after the rest of the project.

        :param project_id: project of the client's token
        :param cause: reason why the request is expensive, the label of a
            metric; None if it isn't
        :raises usermsg.api.errors.TooManyRequests: there is no place
        """
        if cause is None:
            yield
            return
        places, rests = self._process.get()
        try:
            places.enter(project_id, self._timeout)
        except errors.TooManyRequests:
            self._count(1, (cause,))
            raise
        try:
            with rests.separate(project_id):
                yield
        finally:
            places.leave(project_id)

    def in_progress(self):
        """Return project id -> (requests that are handled, that wait)."""
        places, _rests = self._process.get()
        return places.in_progress()


class _Rests:
    """Rests of the projects in one process, all places of a project together.

    :param max_rest: seconds
    """

    def __init__(self, max_rest, clock, sleep):
        self._max_rest = max_rest
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        #: Project id -> end of its rest.
        self.ends = {}

    @contextlib.contextmanager
    def separate(self, project_id):
        """Wait for the end of the rest; begin another after the context."""
        begin = self._clock()
        end = self.ends.get(project_id, begin)
        if end > begin:
            self._sleep(end - begin)
            begin = self._clock()
        try:
            yield
        finally:
            now = self._clock()
            end = now + min(self._max_rest, REST * (now - begin))
            with self._lock:
                # Only rests that aren't over, so that there are few.
                ends = {project: other for project, other in self.ends.items()
                        if other > now}
                ends[project_id] = max(end, ends.get(project_id, end))
                self.ends = ends


class _Waiting:
    """Waiting request. ``decided`` is set when it is admitted or refused."""

    def __init__(self):
        self.decided = threading.Event()
        self.admitted = False


class _Project:
    """Requests in progress of one project."""

    def __init__(self):
        self.running = 0
        self.waiting = collections.deque()

    def __len__(self):
        return self.running + len(self.waiting)


class _Places:
    """Places of one process.

    :param number: of requests, running or waiting
    :param max_running: of one project
    """

    def __init__(self, number, max_running):
        self._number = number
        self._max_running = max_running
        self._lock = threading.Lock()
        #: Only projects with requests in progress.
        self._projects = {}

    def enter(self, project_id, timeout):
        with self._lock:
            waiting = self._take_place(project_id)
        if waiting is None:
            return
        try:
            waiting.decided.wait(timeout)
        except BaseException:
            # The process is stopped, or a server ends a slow request.
            if self._end_wait(project_id, waiting):
                self.leave(project_id)
            raise
        if not self._end_wait(project_id, waiting):
            raise errors.TooManyRequests()

    def _end_wait(self, project_id, waiting):
        """Return True if the request has been admitted."""
        with self._lock:
            if not waiting.decided.is_set():
                self._projects[project_id].waiting.remove(waiting)
                self._forget_if_idle(project_id)
            return waiting.admitted

    def leave(self, project_id):
        with self._lock:
            project = self._projects[project_id]
            if project.waiting:
                # The waiting request takes the place: "running" stays equal.
                waiting = project.waiting.popleft()
                waiting.admitted = True
                waiting.decided.set()
            else:
                project.running -= 1
                self._forget_if_idle(project_id)

    def in_progress(self):
        with self._lock:
            return {
                project_id: (project.running, len(project.waiting))
                for project_id, project in self._projects.items()}

    def _take_place(self, project_id):
        """Return None if the request is admitted, else a :class:`_Waiting`."""
        project = self._projects.get(project_id) or _Project()
        full = project.running >= self._max_running
        if full and len(project.waiting) >= MAX_WAITING:
            raise errors.TooManyRequests()
        if sum(map(len, self._projects.values())) >= self._number:
            self._free_place(len(project))
        self._projects[project_id] = project
        if not full:
            project.running += 1
            return None
        waiting = _Waiting()
        project.waiting.append(waiting)
        return waiting

    def _free_place(self, size):
        """Refuse a waiting request of the project with the most requests.

        :param size: number of requests of the project that needs the place;
            with one more it must still have fewer than the other project
        """
        others = [project for project in self._projects.values()
                  if project.waiting and len(project) > size + 1]
        if not others:
            raise errors.TooManyRequests()
        max(others, key=len).waiting.pop().decided.set()

    def _forget_if_idle(self, project_id):
        if not self._projects[project_id]:
            del self._projects[project_id]
