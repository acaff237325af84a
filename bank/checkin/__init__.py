"""Codes, scans and attendance: who was there, from when to when."""
