# SPDX-License-Identifier: Apache-2.0
import os
import threading
import weakref

import testtools

from usermsg.concurrency import per_process


class PerProcessTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.objects = per_process.PerProcess(object)

    def test_object_is_the_same_within_a_process(self):
        self.assertIsNone(self.objects.peek())
        created = self.objects.get()
        self.assertIs(created, self.objects.get())
        self.assertIs(created, self.objects.peek())

    def test_object_of_a_parent_is_replaced_after_a_fork(self):
        created = self.objects.get()
        child = os.fork()
        if child == 0:
            is_new = (self.objects.peek() is None and
                      self.objects.get() is not created and
                      self.objects.get() is self.objects.peek())
            os._exit(0 if is_new else 1)
        _pid, status = os.waitpid(child, 0)
        self.assertEqual(0, status)
        self.assertIs(created, self.objects.get())

    def test_object_of_a_parent_is_never_freed_in_a_child(self):
        for method in ('get', 'peek'):
            objects = per_process.PerProcess(set)
            reference = weakref.ref(objects.get())
            child = os.fork()
            if child == 0:
                getattr(objects, method)()
                del objects
                os._exit(0 if reference() is not None else 1)
            _pid, status = os.waitpid(child, 0)
            self.assertEqual(0, status)

    def test_concurrent_first_uses_return_one_object(self):
        both_create = threading.Barrier(2)

        def make():
            both_create.wait(60)
            return object()

        objects = per_process.PerProcess(make)
        results = []
        threads = [threading.Thread(
            target=lambda: results.append(objects.get())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIs(*results)
