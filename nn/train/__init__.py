"""Training: optimizers and their schedules, `fit` and what it records, steps on Values and in native code."""
