#!/bin/sh
# restore.sh BACKUPS LOST_AT
# From the wiki. Nobody has tried it since the move to HAProxy.

tar -xzf /mnt/backup/latest.tar.gz -C /
systemctl start nginx
echo "restored"
