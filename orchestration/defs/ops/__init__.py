"""What runs when: jobs and schedules over all assets."""
