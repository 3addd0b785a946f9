"""What providers tell us: bounces, complaints and deliveries of email, and changes of SNS endpoints.

A request checks the secret and stores the event with a job; the worker verifies, normalises and applies it.
"""
