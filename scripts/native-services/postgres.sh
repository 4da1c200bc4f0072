# PostgreSQL of Debian. Data: FOLDER/data. With --fast it does not wait for the disk: for tests only.

# Debian keeps the server's programs off the path; the newest installed one.
postgres_bin() {
  local found
  found=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
  if [ -n "$found" ]; then dirname "$found"; fi
}

postgres_missing_packages() { [ -n "$(postgres_bin)" ] || echo postgresql; }

# The server refuses to run as root.
postgres_as() {
  if [ "$(id -u)" -eq 0 ]; then as=(setpriv --reuid=postgres --regid=postgres --init-groups); else as=(env); fi
}

postgres_prepare() {
  local folder=$1 as
  postgres_as
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$folder"; fi
  "${as[@]}" test -x "$folder" || {
    echo "the user postgres cannot enter $folder: set STARLING_SERVICES_DIR to a folder outside, as /var/tmp/starling"
    return 1
  }
  if [ -e "$folder/data/PG_VERSION" ]; then
    postgres_clear_lock "$folder/data"
    return
  fi
  # A folder left by an initdb that was interrupted would stand in the way.
  rm -rf "$folder/data"
  (cd / && "${as[@]}" "$(postgres_bin)/initdb" -D "$folder/data" -U postgres -A trust -E UTF8)
}

# Where the first process of a container reaps nobody, a killed server stays as a zombie, which PostgreSQL takes
# for alive. Its lock may go when no process works in the folder any more.
postgres_clear_lock() {
  local data=$1 pid
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 0
  [ -z "$(start_time "$pid")" ] || return 0
  for _ in $(seq 300); do
    if [ -z "$(find /proc -maxdepth 2 -name cwd -lname "$data*" 2>/dev/null)" ]; then
      rm -f "$data/postmaster.pid"
      return 0
    fi
    sleep 0.1
  done
  echo "PostgreSQL of $data was killed, and processes of it are still there"
  return 1
}

postgres_command() {
  local folder=$1 as speed=()
  postgres_as
  if [ "$fast" = yes ]; then speed=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off); fi
  # No socket in the file system: everything goes over loopback.
  run=("${as[@]}" "$(postgres_bin)/postgres" -D "$folder/data" -p "$(cat "$folder/port")"
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 "${speed[@]}")
}

postgres_is_ready() { "$(postgres_bin)/pg_isready" -q -t 2 -h 127.0.0.1 -p "$2"; }

# Fast shutdown: ends the connections, writes everything out.
postgres_stop_signal() { echo INT; }

postgres_environment() { echo "export STARLING_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:$1/postgres"; }
