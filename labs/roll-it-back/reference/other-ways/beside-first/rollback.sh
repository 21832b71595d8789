# rollback.sh COMMIT REASON
# The revert is made and checked beside the config, in a second work tree. Only what holds is let in, in one step.
set -eu
trap 'cd /etc/haproxy; git worktree remove --force /tmp/beside 2>/dev/null || true' EXIT
here=$PWD
runtime() { python3 "$here/ask" "$1"; }

cd /etc/haproxy
git worktree prune
git worktree add --quiet --detach /tmp/beside
cd /tmp/beside
git diff --binary "$1" "$1^" >/tmp/undo
if git apply --check --3way /tmp/undo 2>/dev/null && git apply --3way --index /tmp/undo 2>/dev/null &&
    ! git diff --cached --quiet; then
    # Files that the config names lie under /etc/haproxy, with and without the change.
    haproxy -c -f /tmp/beside/haproxy.cfg || { echo "no: it does not hold"; exit 3; }
    git commit --quiet -F - <<END
Undo $(git rev-parse --short "$1")

$2
END
    new=$(git rev-parse HEAD)
    cd /etc/haproxy
    git merge --quiet --ff-only "$new"
fi
cd /etc/haproxy
git diff --quiet HEAD || { echo "no: somebody edited a file here"; exit 4; }
git show "$1" | grep '^[+]    ' | sed 's/^+//' | while IFS= read -r line; do
    ! grep -qxF -- "$line" haproxy.cfg || echo "$line"
done >/tmp/left
[ ! -s /tmp/left ] || { echo "no: still there:" "$(cat /tmp/left)"; exit 5; }

haproxy -c -q -f haproxy.cfg
echo >/var/lib/haproxy/servers.state
kill -USR2 1
sleep 0.3
for server in $(grep -o '^ *server [^ ]*' haproxy.cfg | sed 's/ *server //' | sort -u); do
    runtime "set server shop/$server state ready" >/dev/null
    runtime "set server shop/$server weight 100%" >/dev/null
done

# Enough is enough: users who keep coming are counted by HAProxy itself.
runtime "clear counters all" >/dev/null
tried=0
while [ "$tried" -lt 8 ]; do
    tried=$((tried + 1))
    sleep 0.5
    curl -s "http://localhost/?[1-40]" >/dev/null || true
    runtime "show stat" | grep '^shop,' | grep -v ',BACKEND,' | cut -d, -f2,8 | sort >/tmp/counts
    least=$(cut -d, -f2 /tmp/counts | sort -n | head -1)
    most=$(cut -d, -f2 /tmp/counts | sort -n | tail -1)
    echo "$(cat /tmp/counts)"
    # Twice as many as another: no.
    if [ "$least" -ge 20 ] && [ "$most" -lt $((least * 2)) ]; then exit 0; fi
done
exit 1
