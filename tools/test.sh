#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every check of the project, with what they need set up first: style, unit
# tests, tests with real databases and servers, documentation, release notes.
#
# As root on a system with apt, missing packages of bindep.txt are installed.
# Elsewhere the tests that need them are skipped, and named at the end. With
# CI=true nothing may be skipped.

set -u
cd "$(dirname "$0")/.."

. tools/python.sh
python=$(find_python) || exit 1
make_venv "$python" .venv-test || exit 1
constraints=${TOX_CONSTRAINTS_FILE:-upper-constraints.txt}
# Until pip 25.2 the first is for what builds something too, then the second.
PIP_CONSTRAINT=$constraints PIP_BUILD_CONSTRAINT=$constraints \
    .venv-test/bin/python -m pip install --quiet --disable-pip-version-check \
    tox bindep || exit 1

# bindep exits with 1 when something is missing, and lists it.
missing=$(.venv-test/bin/bindep --brief --file bindep.txt test) || true
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing:" $missing
        export DEBIAN_FRONTEND=noninteractive
        apt-get update --quiet=2 &&
            apt-get install --quiet=2 --yes --no-install-recommends $missing \
            > /dev/null || echo "Not all could be installed."
    else
        echo "Not installed (this needs root and apt):" $missing
    fi
fi

output=$(mktemp)
maker=
trap '[ -z "$maker" ] || kill "$maker"
      rm -f "$output" "$output.status" "$output.maker"' EXIT
failed=

# Other services and their clients, which tests would wait for. Not with -m,
# as nothing of ours can be imported here.
.venv-test/bin/python -P usermsg/tests/fixtures/environments.py \
    > "$output.maker" 2>&1 &
maker=$!

echo
echo "=== checks: style, tests, documentation, release notes"
{
    .venv-test/bin/tox run -q -e check 2>&1
    echo $? > "$output.status"
} | tee "$output"
[ "$(cat "$output.status")" = 0 ] || failed="$failed checks"

# Against another set there is nothing to compare.
[ -n "${TOX_CONSTRAINTS_FILE:-}" ] ||
    .tox/check/bin/python tools/constraints.py compare ||
    failed="$failed constraints"

# The tests have waited for it; it says more about what went wrong.
if ! wait "$maker"; then
    echo
    echo "=== environments of other services"
    cat "$output.maker"
    failed="$failed environments"
fi
maker=

# The sum of a line of stestr's totals, which stand there once for each run.
count() {
    sed -n "s/^ - $1: \([0-9]*\)$/\1/p" "$output" |
        awk '{ sum += $1 } END { print sum + 0 }'
}
passed_tests=$(count Passed)
failed_tests=$(count Failed)
skipped_tests=$(count Skipped)
skipped=$(grep ' \.\.\. SKIPPED' "$output" | sort)
broken=$(grep ' \.\.\. FAILED' "$output" | sort)
# What each traceback ends with.
reasons=$(awk '/^    [A-Za-z0-9_.]+(Error|Exception|Failed)(:|$)/ { left = 4 }
               left > 0 && NF { print substr($0, 1, 250); left-- }' "$output")
[ "$passed_tests" -gt 0 ] || failed="$failed no-test-passed"

echo
echo "=== quickstart"
for time in first second; do
    if ./tools/quickstart.sh --once > "$output" 2>&1 &&
            grep -q '"event_id": "VOLUME_000002"' "$output"; then
        echo "$time time: well"
    else
        cat "$output"
        failed="$failed quickstart"
    fi
done

echo
if [ -n "$skipped" ]; then
    echo "Could not be run here:"
    printf '%s\n' "$skipped"
    [ "${CI:-}" != true ] || failed="$failed skipped-tests"
fi
[ -z "$broken" ] || printf 'Failed:\n%s\n%s\n' "$broken" "$reasons"
[ -z "$failed" ] || echo "FAILED:$failed"
echo "tests: $passed_tests passed, $failed_tests failed, $skipped_tests skipped"
[ -z "$failed" ]
