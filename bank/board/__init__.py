"""What the public sees without signing in."""
