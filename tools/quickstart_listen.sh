# SPDX-License-Identifier: Apache-2.0
#
# The part of quickstart.sh with --listen, which has started usermsg-api at $url
# with the configuration in $run. Recorded notifications of real services are
# published as if they were sent now, in two projects.

captures=usermsg/tests/fixtures/data/captures
recorded=81617689350b460aa78c857f82de9d11
other=b2a4cbc1e5d94d0c8b7a7e0a3f5d6c42
# The sum of the messages of both projects.
expected=7

echo "Starting RabbitMQ and usermsg-worker ..."
start_rabbitmq "$PWD/$run/rabbitmq" "$broker_port" "$epmd_port" "$node_port" \
    "$password"
.venv/bin/usermsg-worker --config-file "$run/usermsg.conf" \
    > "$run/worker.out" 2>&1 &
worker=$!

fail() {
    echo "$1" >&2
    tail -n 20 "$run/rabbitmq/log" "$run/worker.out" "$run/usermsg.log" >&2
    exit 1
}

replay() {
    .venv/bin/python tools/replay.py "$@" || fail "The replay failed."
}

echo
echo "Services fail, and notify as they always do; they know nothing of usermsg:"
broker=amqp://quickstart:$password@127.0.0.1:$broker_port/
replay "$broker" \
    $captures/10-image-upload-store-full.jsonl \
    $captures/12-image-upload-over-quota.jsonl \
    $captures/15-image-upload-store-readonly.jsonl \
    $captures/19-image-import-web-download-fails.jsonl \
    $captures/21-volume-create-no-backend.jsonl
replay "$broker" --project $other \
    $captures/19-image-import-web-download-fails.jsonl \
    $captures/21-volume-create-no-backend.jsonl

client="$PWD/.venv/bin/openstack --os-auth-type none --os-endpoint $url/v3/"
.venv/bin/python - "$url/v3/messages" $expected <<'EOF' ||
import json
import sys
import time
import urllib.request

url, expected = sys.argv[1], int(sys.argv[2])
end = time.monotonic() + 120
number = 0
while number < expected and time.monotonic() < end:
    time.sleep(0.2)
    with urllib.request.urlopen(f'{url}?all_projects=true') as response:
        number = len(json.load(response)['messages'])
sys.exit(number != expected)
EOF
    fail "Not $expected messages came of the notifications."

for project in $recorded $other; do
    echo
    echo "Users of the project $project read:"
    echo "openstack user message list --project $project"
    $client user message list --project "$project" --fit-width \
        -c "Resource Type" -c "Resource UUID" -c "User Message"
done

if $once; then
    exit
fi

cat <<END

Three things to try next, in this directory:

1. Show the notifications of one failure, and the rule that each of them met:
   .venv/bin/usermsg-manage --config-file $run/usermsg.conf listener test --verbose $captures/10-image-upload-store-full.jsonl

2. Let the volume fail once more, in a third project:
   .venv/bin/python tools/replay.py $broker --project 3ba6d4ce0e7b4ac5a0e3f1b5c1d2a7f8 $captures/21-volume-create-no-backend.jsonl
   $client user message list --all-projects

3. Listen to the services of your own cloud: doc/source/admin/listener-setup.rst

Serving $url/v3/messages; press Ctrl-C to stop.
END
wait "$api"
