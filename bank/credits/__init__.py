"""A proposal of credit, its review, its public notice and its posting."""
