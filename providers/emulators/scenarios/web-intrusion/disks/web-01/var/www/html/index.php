<?php require 'lib/shop.php'; shop_front();
