# Redis of Debian, without a file: what it holds is derived, and a restart loses it.

redis_missing_packages() { command -v redis-server >/dev/null || echo redis-server; }

redis_prepare() { :; }

redis_command() {
  run=(redis-server --port "$(cat "$1/port")" --bind 127.0.0.1 --dir "$1" --daemonize no --save '' --appendonly no)
}

redis_is_ready() { [ "$(timeout 2 redis-cli -h 127.0.0.1 -p "$2" ping)" = PONG ]; }

redis_stop_signal() { echo TERM; }

redis_environment() { echo "export STARLING_TEST_REDIS_URL=redis://127.0.0.1:$1"; }
