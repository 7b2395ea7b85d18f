<?php
// Product pictures. The type is what the browser says it is.
if ($_FILES['picture']['type'] === 'image/png') {
  move_uploaded_file($_FILES['picture']['tmp_name'], 'uploads/' . basename($_FILES['picture']['name']));
}
