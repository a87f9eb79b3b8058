#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Serve the dashboard from a fresh clone, with a real Keystone, Horizon and a
# dozen messages, on free ports of this host. Requires Python 3.11 or later, a
# C compiler and access to a package index.
#
#   tools/dashboard.sh             print the URL and users, serve until Ctrl-C
#   tools/dashboard.sh --once      exit after checking that the pages have the
#                                  messages

set -eu
cd "$(dirname "$0")/.."

case "$*" in
    '' | --once) ;;
    *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
esac

. tools/python.sh
python=$(find_python) || exit 1

# uWSGI is built from source.
header=$("$python" -c 'import sysconfig
print(sysconfig.get_path("include") + "/Python.h")')
if ! command -v gcc > /dev/null || [ ! -e "$header" ]; then
    packages="gcc python3-dev"
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing: $packages"
        apt-get update --quiet=2
        DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
            --no-install-recommends $packages > /dev/null
    else
        echo "uWSGI requires a C compiler and the headers of Python. On" \
            "Debian and Ubuntu" >&2
        echo "install the packages: $packages" >&2
        exit 1
    fi
fi

make_venv "$python" .venv-dashboard || exit 1
digest=$({ pwd; .venv-dashboard/bin/python -VV
            cat pyproject.toml requirements.txt setup.cfg \
                upper-constraints.txt "$0"; } | cksum)
if [ "$(cat .venv-dashboard/made-of 2>/dev/null)" != "$digest" ]; then
    echo "Installing usermsg into .venv-dashboard ..."
    # pip before 25.2 uses the first variable for build dependencies too, later
    # versions use the second.
    PIP_CONSTRAINT=upper-constraints.txt \
        PIP_BUILD_CONSTRAINT=upper-constraints.txt \
        .venv-dashboard/bin/python -m pip install --quiet \
        --disable-pip-version-check -e . oslotest uWSGI
    echo "$digest" > .venv-dashboard/made-of
fi

for name in keystone horizon; do
    [ -d ".environments/$name" ] ||
        echo "Installing $name into .environments, which takes a minute ..."
    .venv-dashboard/bin/python -c "
from usermsg.tests.fixtures import environments
environments.get('$name')"
done

exec .venv-dashboard/bin/python tools/dashboard.py "$@"
