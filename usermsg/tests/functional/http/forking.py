# SPDX-License-Identifier: Apache-2.0
"""Runs Python code of another environment in many processes, quickly.

They are forked from one that has imported what takes most of the time, two
seconds of a processor for ``openstack``. Else each is as if it were started
anew: it has its own arguments, variables, directory and output. This file is
run by that environment's Python, so it imports nothing but its library::

    python forking.py CODE

runs the code, which imports what is needed; then it takes a request a line,
and gives an answer a line, both in JSON.
"""

import json
import os
import sys
import tempfile
import time
import traceback


def _run(request):
    """Be the process that was asked for; never returns."""
    status = 1
    try:
        os.chdir(request['directory'])
        os.environ.clear()
        os.environ.update(request['variables'])
        time.tzset()
        sys.argv = ['-c', *request['arguments']]
        exec(request['code'], {'__name__': '__main__'})
        status = 0
    except SystemExit as ended:
        # None is success, a text is an error.
        status = (ended.code if isinstance(ended.code, int)
                  else int(ended.code is not None))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _answer(request):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            with open(os.devnull, encoding='utf-8') as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _run(request)
        _pid, status = os.waitpid(child, 0)
        answer = {'status': os.waitstatus_to_exitcode(status)}
        for name, stream in (('out', out), ('err', err)):
            stream.seek(0)
            answer[name] = stream.read().decode('utf-8')
    return answer


def main():
    exec(sys.argv[1], {'__name__': '__main__'})
    # Whatever the locale says.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding='utf-8')
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == '__main__':
    main()
