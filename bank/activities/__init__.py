"""Activities, sign-ups and the waiting list."""
