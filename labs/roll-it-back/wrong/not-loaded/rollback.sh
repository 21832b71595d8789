#!/bin/sh
# rollback.sh COMMIT REASON: undo one change on this balancer, and say whether that was enough.
# Ends with 0 only if every server is up and gets its share. May be run again at any time.
set -u
commit=$1
reason=$2
state=/var/lib/haproxy/servers.state
tool=$PWD

say() { echo "rollback: $*"; }
give_up() {
    say "$*" >&2
    exit 1
}

cd /etc/haproxy || give_up "there is no config here"

# 1. Undo the change, not the time. What was undone before is not undone again.
if git revert --no-commit "$commit" && git diff --cached --quiet; then
    say "already undone in git"
    git revert --quit
elif ! haproxy -c -f haproxy.cfg >/dev/null; then
    # 2. Never load what was not checked; leave behind what ran.
    git revert --abort || git reset --quiet --hard
    give_up "without $commit the config does not hold: undo by hand"
else
    subject=$(git log -1 --format=%s "$commit")
    git commit --quiet -m "Revert \"$subject\"" -m "This reverts commit $(git rev-parse "$commit"). $reason"
    say "undone: $subject"
fi

# 3. What was saved in the bad time must not come back with the reload.
rm -f "$state"
haproxy -c -f haproxy.cfg >/dev/null || give_up "the config on disk does not hold"

# 4. Nobody stays taken out.
"$tool/ask" "show servers state" | while read -r id pool _ server _; do
    [ "$id" = "#" ] || [ -z "$server" ] || "$tool/ask" "set server $pool/$server state ready"
done >/dev/null

# 5. Look, and count: nobody may have less than half of its share, or more than twice. Machines need a moment to be
#    found again. Users come at the same time, so small numbers would vary.
servers=$(sed -n 's/^ *server \([^ ]*\) .*/\1/p' haproxy.cfg | sort -u)
number=$(echo "$servers" | wc -l)
for try in 1 2 3; do
    answers=$(curl -s "http://localhost/?try=[1-$((number * 30))]")
    counts="" fair=yes
    for server in $servers; do
        count=$(echo "$answers" | grep -c "served by $server\.")
        counts="$counts $server=$count"
        [ "$count" -gt 15 ] && [ "$count" -lt 60 ] || fair=no
    done
    [ "$fair" = yes ] && say "over. Of $((number * 30)) requests:$counts" && exit 0
    sleep 0.5
done
give_up "undone, and the traffic is still not spread:$counts"
