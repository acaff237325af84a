"""What an auditor sees of the book."""
