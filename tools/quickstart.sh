#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install usermsg from a fresh clone, record a message and read it over HTTP.
# Requires Python 3.11 or later and access to a package index.
#
#   tools/quickstart.sh          serve until Ctrl-C
#   tools/quickstart.sh --once   exit after showing the message

set -eu
cd "$(dirname "$0")/.."

once=false
for argument in "$@"; do
    case $argument in
        --once) once=true ;;
        *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
    esac
done

. tools/python.sh
python=$(find_python) || exit 1
make_venv "$python" .venv || exit 1
# The installation is editable: only its dependencies can be out of date.
digest=$({ pwd; .venv/bin/python -VV
            cat pyproject.toml requirements.txt setup.cfg setup.py \
                upper-constraints.txt; } | cksum)
if [ "$(cat .venv/made-of 2>/dev/null)" != "$digest" ] ||
        [ ! -x .venv/bin/usermsg-api ]; then
    echo "Installing usermsg into .venv ..."
    rm -f .venv/made-of
    # pip before 25.2 uses the first variable for build dependencies too, later
    # versions use the second.
    PIP_CONSTRAINT=upper-constraints.txt \
        PIP_BUILD_CONSTRAINT=upper-constraints.txt \
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -e .
    echo "$digest" > .venv/made-of
fi

# The variable would refer to the configuration of another installation.
unset OS_USERMSG_CONFIG_FILES

port=$(.venv/bin/python - <<'EOF'
import socket
try:
    socket.create_server(('127.0.0.1', 9797)).close()
    print(9797)
except OSError:
    print(0)  # in use, perhaps by an earlier quickstart: use any free port
EOF
)
run=.quickstart/$$
mkdir -p "$run"
cat > "$run/usermsg.conf" <<EOF
[DEFAULT]
log_file = $PWD/$run/usermsg.log

[api]
# Without authentication, therefore reachable from this host only.
auth_strategy = noauth
host = 127.0.0.1
port = $port

[database]
connection = sqlite:///$PWD/.quickstart/usermsg.sqlite
EOF

api=
finish() {
    if [ -n "$api" ]; then
        kill "$api" 2>/dev/null || true
        wait "$api" 2>/dev/null || true
    fi
    rm -rf "$run"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

.venv/bin/usermsg-manage --config-file "$run/usermsg.conf" db sync

.venv/bin/usermsg-api --config-file "$run/usermsg.conf" > "$run/out" 2>&1 &
api=$!
tries=0
until url=$(sed -n 's#^usermsg-api serves \(.*\)/$#\1#p' "$run/out") &&
        [ -n "$url" ]; do
    tries=$((tries + 1))
    if ! kill -0 "$api" 2>/dev/null || [ "$tries" -gt 300 ]; then
        echo "usermsg-api did not start:" >&2
        cat "$run/out" >&2
        exit 1
    fi
    sleep 0.1
done

echo
echo "A service records why creating a volume failed (examples/record.py):"
OS_USERMSG_CONFIG_FILES="$run/usermsg.conf" \
    .venv/bin/python -W ignore examples/record.py

project=6c430ede-9476-4128-8838-8d3929ced223
echo
echo "A user of the project reads the message:"
echo "GET $url/v3/$project/messages"
.venv/bin/python - "$url/v3/$project/messages" <<'EOF'
import json
import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1]) as response:
    print(json.dumps(json.load(response), indent=4))
EOF

if $once; then
    cat <<EOF

List the other permitted messages about volumes:
   .venv/bin/usermsg-manage catalogue list --prefix VOLUME

Without --once the API keeps serving, for your own requests.
EOF
    exit
fi

cat <<EOF

Three things to try next, in this directory:

1. Read the message in another language:
   curl -H 'Accept-Language: de' $url/v3/$project/messages

2. List the messages of another project, which has none:
   curl -H 'X-Project-Id: another' -H 'X-Roles: reader' $url/v3/messages

3. List the other permitted messages about volumes:
   .venv/bin/usermsg-manage catalogue list --prefix VOLUME

Serving $url/v3/messages; press Ctrl-C to stop.
EOF
wait "$api"
