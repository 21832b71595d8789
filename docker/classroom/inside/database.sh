#!/bin/sh
# PostgreSQL of Debian, for the hub and for the gradebook: two databases, two accounts, neither of which sees the other's.
# Passwords come from the environment at every start, so that a new secret needs no more than a restart.
set -eu
PATH=/usr/lib/postgresql/15/bin:$PATH
data=/srv/database/data
if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data"
    initdb --pgdata "$data" --encoding UTF8 --locale C.UTF-8 --auth-local peer --auth-host scram-sha-256 >/dev/null
    printf 'host all all 0.0.0.0/0 scram-sha-256\n' >>"$data/pg_hba.conf"
fi
{
    for name in hub gradebook; do
        echo "SELECT 'CREATE ROLE $name LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$name') \\gexec"
        echo "SELECT 'CREATE DATABASE $name OWNER $name' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$name') \\gexec"
        echo "REVOKE ALL ON DATABASE $name FROM PUBLIC;"
    done
    echo "ALTER ROLE hub PASSWORD '$HUB_PASSWORD';"
    echo "ALTER ROLE gradebook PASSWORD '$GRADEBOOK_PASSWORD';"
} >/tmp/accounts.sql
# Before anybody can connect: a server that listens on nothing but its own socket.
pg_ctl --pgdata "$data" --silent --wait --log /tmp/start.log -o "-c listen_addresses= -c unix_socket_directories=/tmp" start >/dev/null || {
    cat /tmp/start.log >&2
    exit 1
}
psql --host /tmp --quiet --set ON_ERROR_STOP=1 --file /tmp/accounts.sql postgres
rm -f /tmp/accounts.sql
pg_ctl --pgdata "$data" --silent --wait stop >/dev/null
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c max_connections=200
