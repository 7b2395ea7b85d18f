git pull
sudo systemctl restart apache2
exit
