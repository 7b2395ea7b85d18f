"""Line-API widgets: they repaint only the cells whose text changed."""
