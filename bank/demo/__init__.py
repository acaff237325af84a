"""A lively made-up community, brought to life through the same verbs as a real one."""
