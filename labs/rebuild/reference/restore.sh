#!/bin/sh
# restore.sh BACKUPS LOST_AT: build this balancer anew from the newest set that can be used.
# Ends with 0 only if users are served, each server has its part, and who was taken out is out. May be run again.
set -u
umask 077 # what is copied here is for its owner alone
backups=$1
lost_at=$2
here=$PWD
state=/var/lib/haproxy/servers.state

say() { echo "restore: $*"; }

# A set's time, as date reads it: 2023-03-01T0430 is 2023-03-01 04:30.
seconds() { date -u -d "$(echo "$1" | sed 's/T\(..\)\(..\)$/ \1:\2/')" +%s; }

# Does each server that should serve have its part? Users come too, so small numbers would vary.
good() {
    wanted=""
    for server in $(cat "$here/servers"); do
        # The seventh word of a server's line says whether somebody took it out.
        grep -q " $server [^ ]* [^ ]* [1-9]" "$state" || wanted="$wanted $server"
    done
    number=$(echo "$wanted" | wc -w)
    for try in 1 2; do
        answers=$(curl -s "http://localhost/?try=[1-$((number * 30))]")
        fair=yes
        for server in $wanted; do
            count=$(echo "$answers" | grep -c "served by $server\.")
            [ "$count" -gt 15 ] && [ "$count" -lt 60 ] || fair=no
        done
        [ "$fair" = yes ] && return 0
        sleep 0.5
    done
    return 1
}

# 1. Is there anything to do?
systemctl is-active haproxy >/dev/null 2>&1 && good && say "nothing to do: users are served" && exit 0

# 2. From the newest set to the oldest.
cd /etc/haproxy || exit 1
for set in $(ls -r "$backups"); do
    rm -rf /etc/haproxy/* "$state"
    cp -r "$backups/$set/haproxy.cfg" "$backups/$set/certs" . 2>/dev/null
    cp "$backups/$set/state/servers.state" "$state"
    chmod -R go-rwx /etc/haproxy/*

    # 3. Nothing is loaded that HAProxy does not take.
    haproxy -c -f haproxy.cfg >/dev/null 2>&1 || { say "$set: refused" && continue; }
    if systemctl is-active haproxy >/dev/null 2>&1; then systemctl reload haproxy; else systemctl start haproxy; fi

    # 4. Look at the traffic before saying yes.
    good || { say "$set: loads, and is not spread" && continue; }
    say "restored $set, $((($(seconds "$lost_at") - $(seconds "$set")) / 60)) minutes before the loss"
    exit 0
done
say "no set can be used" >&2
exit 1
