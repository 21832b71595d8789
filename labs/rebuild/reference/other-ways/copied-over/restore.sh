#!/bin/sh
# restore.sh BACKUPS LOST_AT: each set is checked where it lies, then copied over whatever the one before it left.
set -u
here=$(cd "$(dirname "$0")" && pwd)
backups=$1
lost=$2

seconds() { date -u -d "$(echo "$1" | sed 's/^\(....-..-..\)T\(..\)\(..\)$/\1 \2:\3/')" +%s; }

wanted() { # servers that should serve, by this set's state
    while read -r name; do
        [ -n "$name" ] || continue
        grep -q "^[0-9]* [^ ]* [0-9]* $name [^ ]* [0-9]* 0 " "$1/state/servers.state" && echo "$name"
    done < "$here/servers"
}

served() { # does each server that should serve get about its share, and nobody else anything?
    pages=$(mktemp)
    n=0
    while [ $n -lt 40 ]; do
        curl -s -m 3 http://localhost/ >> "$pages"
        echo >> "$pages"
        n=$((n + 1))
    done
    count=$(wanted "$1" | wc -l)
    [ "$count" -gt 0 ] || return 1
    while read -r name; do
        got=$(grep -cw "$name" "$pages")
        if wanted "$1" | grep -qx "$name"; then
            [ $((got * count * 2)) -ge 40 ] || { echo "  $name got $got of 40"; return 1; }
        else
            [ "$got" -eq 0 ] || { echo "  $name was taken out, and got $got"; return 1; }
        fi
    done < "$here/servers"
}

same() { # is this set what lies here?
    cmp -s "$1/haproxy.cfg" /etc/haproxy/haproxy.cfg && cmp -s "$1/certs/shop.pem" /etc/haproxy/certs/shop.pem &&
        cmp -s "$1/state/servers.state" /var/lib/haproxy/servers.state
}

say() { echo "$1: $(( ($(seconds "$lost") - $(seconds "$1")) / 60 )) minutes are lost"; }

for set in $(ls "$backups" | sort -r); do
    if same "$backups/$set" && systemctl is-active haproxy >/dev/null && served "$backups/$set"; then
        say "$set"; exit 0
    fi
done

for set in $(ls "$backups" | sort -r); do
    from=$backups/$set
    echo "trying $set"
    for file in haproxy.cfg certs/shop.pem state/servers.state; do
        [ -f "$from/$file" ] || { echo "  without $file" && continue 2; }
    done
    trial=$(mktemp)
    sed "s#/etc/haproxy/certs#$from/certs#" "$from/haproxy.cfg" > "$trial"
    haproxy -c -f "$trial" || { echo "  refused"; continue; }
    umask 077
    mkdir -p /etc/haproxy/certs /var/lib/haproxy
    cp "$from/certs/shop.pem" /etc/haproxy/certs/shop.pem && chmod 600 /etc/haproxy/certs/shop.pem
    cp "$from/state/servers.state" /var/lib/haproxy/servers.state
    cp "$from/haproxy.cfg" /etc/haproxy/haproxy.cfg
    systemctl reload haproxy || systemctl start haproxy || continue
    sleep 1
    if served "$from"; then say "$set"; exit 0; fi
done
echo "no set can be used" >&2
exit 1
