<?php
function shop_front() { echo '<h1>Shop</h1>'; }
