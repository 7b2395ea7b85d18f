<?php
return ['db' => 'mysql:host=db-01;dbname=shop', 'user' => 'shop'];
