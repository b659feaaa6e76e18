"""Accuracy, calibration, the gate and explanations, on public data."""
