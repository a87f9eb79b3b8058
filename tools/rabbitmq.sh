# SPDX-License-Identifier: Apache-2.0
#
# Functions of quickstart.sh: a RabbitMQ that only this host can reach, and that
# leaves nothing behind.

# On Debian the programs in /usr/sbin are wrappers, which change to the user and
# the directories of the system's node.
rabbitmq_path=${RABBITMQ_BIN:-/usr/lib/rabbitmq/bin}:$PATH

has_rabbitmq() {
    (PATH=$rabbitmq_path; command -v rabbitmq-server && command -v epmd) \
        > /dev/null
}

# Install the package if it is missing, or explain what to do.
require_rabbitmq() {
    has_rabbitmq && return
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing rabbitmq-server ..."
        DEBIAN_FRONTEND=noninteractive
        export DEBIAN_FRONTEND
        { apt-get update --quiet=2 &&
            apt-get install --quiet=2 --yes --no-install-recommends \
                rabbitmq-server > /dev/null; } || true
        has_rabbitmq && return
    fi
    cat >&2 <<END
--listen requires RabbitMQ, but rabbitmq-server and epmd were not found in PATH,
and could not be installed, which requires root and apt. Install the package
rabbitmq-server, or set RABBITMQ_BIN to the directory of its programs, then try
again. The quick start without --listen needs no broker.
END
    return 1
}

# start_rabbitmq DIRECTORY PORT EPMD_PORT NODE_PORT PASSWORD: start a node of
# the user "quickstart". stop_rabbitmq ends it.
#
# The node has an epmd of its own: it would otherwise start one that outlives
# it, and share it with other nodes.
start_rabbitmq() {
    mkdir -p "$1"
    cat > "$1/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$2
default_user = quickstart
default_pass = $5
disk_free_limit.absolute = 1MB
END
    echo '[].' > "$1/plugins"
    (
        # Not the settings of another node of this host.
        for name in $(env | sed -n 's/^\(\(RABBITMQ\|ERL\)_[A-Z_]*\)=.*/\1/p')
        do
            unset "$name"
        done
        export PATH="$rabbitmq_path" HOME="$1" LC_ALL=C.UTF-8
        export ERL_EPMD_PORT="$3" ERL_EPMD_ADDRESS=127.0.0.1
        export RABBITMQ_NODENAME="usermsg-quickstart-$$@localhost"
        export RABBITMQ_DIST_PORT="$4"
        export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
        export RABBITMQ_CONF_ENV_FILE="$1/rabbitmq-env.conf"
        export RABBITMQ_ADVANCED_CONFIG_FILE="$1/advanced.config"
        export RABBITMQ_CONFIG_FILE="$1/rabbitmq.conf"
        export RABBITMQ_ENABLED_PLUGINS_FILE="$1/plugins"
        export RABBITMQ_MNESIA_BASE="$1/data" RABBITMQ_LOG_BASE="$1"
        export RABBITMQ_LOGS=-
        # The script becomes the node, so that signals reach the node.
        export RUNNING_UNDER_SYSTEMD=true
        cd "$1"
        epmd -address 127.0.0.1 -port "$3" > epmd.log 2>&1 < /dev/null &
        echo $! > epmd.pid
        exec rabbitmq-server > log 2>&1 < /dev/null
    ) &
    rabbitmq_pid=$!
    rabbitmq_directory=$1
}

# Its directory is removed, and an orderly end takes six seconds.
stop_rabbitmq() {
    [ -n "${rabbitmq_pid:-}" ] || return 0
    kill -KILL "$rabbitmq_pid" 2>/dev/null || true
    wait "$rabbitmq_pid" 2>/dev/null || true
    kill "$(cat "$rabbitmq_directory/epmd.pid")" 2>/dev/null || true
}
