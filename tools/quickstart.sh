#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install usermsg from a fresh clone, record a message and read it over HTTP.
# Requires Python 3.11 or later and access to a package index.
#
#   tools/quickstart.sh            serve until Ctrl-C
#   tools/quickstart.sh --listen   show messages about failures that other
#                                  services notified of, through RabbitMQ
#   with --once as well            exit after showing the messages

set -eu
cd "$(dirname "$0")/.."

once=false
listen=false
for argument in "$@"; do
    case $argument in
        --once) once=true ;;
        --listen) listen=true ;;
        *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
    esac
done

. tools/python.sh
python=$(find_python) || exit 1
if $listen; then
    . tools/rabbitmq.sh
    require_rabbitmq || exit 1
fi
make_venv "$python" .venv || exit 1

# install DIRECTORY PACKAGE PROGRAM MARK: install the package of a directory into
# .venv, unless its program is there and the file MARK is of the same sources.
#
# The installation is editable: only its dependencies can be out of date.
install() {
    digest=$({ pwd; .venv/bin/python -VV
                cat pyproject.toml "$1/requirements.txt" "$1/setup.cfg" \
                    "$1/setup.py" upper-constraints.txt; } | cksum)
    if [ "$(cat "$4" 2>/dev/null)" = "$digest" ] &&
            [ -x ".venv/bin/$3" ]; then
        return
    fi
    echo "Installing $2 into .venv ..."
    rm -f "$4"
    # pip before 25.2 uses the first variable for build dependencies too, later
    # versions use the second.
    PIP_CONSTRAINT=upper-constraints.txt \
        PIP_BUILD_CONSTRAINT=upper-constraints.txt \
        .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        -e "$1"
    echo "$digest" > "$4"
}

install . usermsg usermsg-api .venv/made-of
! $listen || install client python-usermsgclient openstack .venv/client-made-of

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
if $listen; then
    # Three free ports and a password.
    read -r broker_port epmd_port node_port password <<EOF
$(.venv/bin/python -c '
import secrets
import socket
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(server.getsockname()[1] for server in servers), secrets.token_hex(16))
')
EOF
fi
run=.quickstart/$$
mkdir -p "$run"
database=.quickstart/usermsg.sqlite
if $listen; then
    # Of this run: a notification that was stored before changes nothing.
    database=$run/usermsg.sqlite
fi
cat > "$run/usermsg.conf" <<EOF
[DEFAULT]
log_file = $PWD/$run/usermsg.log

[api]
# Without authentication, therefore reachable from this host only.
auth_strategy = noauth
host = 127.0.0.1
port = $port

[database]
connection = sqlite:///$PWD/$database
EOF
if $listen; then
    cat >> "$run/usermsg.conf" <<EOF

[oslo_messaging_notifications]
transport_url = rabbit://quickstart:$password@127.0.0.1:$broker_port/

[listener]
enabled = true
# Decide soon: all notifications of a failure come at once.
correlation_delay = 2
EOF
fi

api=
worker=
finish() {
    for process in $worker $api; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    ! $listen || stop_rabbitmq
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

if $listen; then
    . tools/quickstart_listen.sh
    exit
fi

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
