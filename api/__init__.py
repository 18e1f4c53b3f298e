"""What reads the marts for people and programs. Nothing here computes a business figure that a mart does not hold."""
