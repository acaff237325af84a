"""What a member has, and how every line came about."""
