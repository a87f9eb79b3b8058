#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install the dependencies and run all checks: style, unit tests, tests with
# real databases and servers, documentation, release notes.
#
# As root on a system with apt, missing packages of bindep.txt are installed.
# Elsewhere the tests that need them are skipped and listed at the end. With
# CI=true a skipped test is a failure.

set -u
cd "$(dirname "$0")/.."

. tools/python.sh
. tools/rabbitmq.sh
python=$(find_python) || exit 1
make_venv "$python" .venv-test || exit 1
constraints=${TOX_CONSTRAINTS_FILE:-upper-constraints.txt}
# pip before 25.2 uses the first variable for build dependencies too, later
# versions use the second.
PIP_CONSTRAINT=$constraints PIP_BUILD_CONSTRAINT=$constraints \
    .venv-test/bin/python -m pip install --quiet --disable-pip-version-check \
    tox bindep || exit 1

# bindep lists missing packages, and exits with 1 if there are any.
missing=$(.venv-test/bin/bindep --brief --file bindep.txt test) || true
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing:" $missing
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet=2 &&
            apt-get install --quiet=2 --yes --no-install-recommends $missing \
            > /dev/null || echo "Not all packages could be installed."
    else
        echo "Not installed, which requires root and apt:" $missing
    fi
fi

output=$(mktemp)
builder=
trap '[ -z "$builder" ] || kill "$builder"
      rm -f "$output" "$output.status" "$output.builder"' EXIT
failed=

# Install other services and their clients, which tests would wait for. Not
# with -m, because usermsg is not installed in this environment.
.venv-test/bin/python -P usermsg/tests/fixtures/environments.py \
    > "$output.builder" 2>&1 &
builder=$!

echo
echo "=== checks: style, tests, documentation, release notes"
{
    .venv-test/bin/tox run -q -e check 2>&1
    echo $? > "$output.status"
} | tee "$output"
[ "$(cat "$output.status")" = 0 ] || failed="$failed checks"

# With other constraints the libraries are expected to differ.
[ -n "${TOX_CONSTRAINTS_FILE:-}" ] ||
    .tox/check/bin/python tools/constraints.py compare ||
    failed="$failed constraints"

# The tests have waited for it too; its output has more details of a failure.
if ! wait "$builder"; then
    echo
    echo "=== environments of other services"
    cat "$output.builder"
    failed="$failed environments"
fi
builder=

# Sum of one of stestr's totals, which are printed once for each run.
count() {
    sed -n "s/^ - $1: \([0-9]*\)$/\1/p" "$output" |
        awk '{ sum += $1 } END { print sum + 0 }'
}
passed_tests=$(count Passed)
failed_tests=$(count Failed)
skipped_tests=$(count Skipped)
skipped=$(grep ' \.\.\. SKIPPED' "$output" | sort)
failures=$(grep ' \.\.\. FAILED' "$output" | sort)
# Commands of tox, which goes on after each; not all print what failed last.
commands=$(sed -n 's/^check: exit [1-9][^>]*> \(.*\) pid=[0-9]*$/\1/p' "$output")
# The last lines of each traceback.
reasons=$(awk '/^    [A-Za-z0-9_.]+(Error|Exception|Failed)(:|$)/ { lines = 4 }
               lines > 0 && NF { print substr($0, 1, 250); lines-- }' "$output")
[ "$passed_tests" -gt 0 ] || failed="$failed no-test-passed"

echo
echo "=== quickstart"
for time in first second; do
    if ./tools/quickstart.sh --once > "$output" 2>&1 &&
            grep -q '"event_id": "VOLUME_000002"' "$output"; then
        echo "$time run: passed"
    else
        cat "$output"
        failed="$failed quickstart"
    fi
done
# The volume of two projects.
if has_rabbitmq; then
    if ./tools/quickstart.sh --listen --once > "$output" 2>&1 &&
            [ "$(grep -c 'No storage system can fulfill' "$output")" = 2 ]; then
        echo "--listen: passed"
    else
        cat "$output"
        failed="$failed quickstart--listen"
    fi
else
    echo "--listen: skipped, because RabbitMQ is not installed"
fi

echo
echo "=== dashboard"
if ./tools/dashboard.sh --once > "$output" 2>&1 &&
        grep -q 'shows 12 messages' "$output"; then
    echo "passed"
else
    cat "$output"
    failed="$failed dashboard"
fi

echo
if [ -n "$skipped" ]; then
    echo "Skipped:"
    printf '%s\n' "$skipped"
    [ "${CI:-}" != true ] || failed="$failed skipped-tests"
fi
[ -z "$commands" ] || printf 'Failed commands:\n%s\n' "$commands"
[ -z "$failures" ] || printf 'Failed:\n%s\n%s\n' "$failures" "$reasons"
[ -z "$failed" ] || echo "FAILED:$failed"
echo "tests: $passed_tests passed, $failed_tests failed, $skipped_tests skipped"
[ -z "$failed" ]
