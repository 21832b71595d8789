#!/bin/sh
# rollback.sh COMMIT REASON
# Found in the drawer after the outage. It has been used once.

cd /etc/haproxy
git checkout HEAD~1
systemctl restart haproxy
echo "rolled back"
