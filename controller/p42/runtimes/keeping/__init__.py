"""The keeper, seen from the daemon: found, asked, listened to."""
