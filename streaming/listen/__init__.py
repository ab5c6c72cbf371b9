"""Long streams: a broadcast without end, listened to in windows; which recordings play in it, and when."""
