"""Due work: one function for each job, each safe to run twice."""
