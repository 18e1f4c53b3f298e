"""Measurements that anyone can repeat, one command each; they print figures and ratios and assert nothing."""
