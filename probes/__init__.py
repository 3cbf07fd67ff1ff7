"""What only a real Mailchimp account can show: ``make test-live`` reads one whole and settles the open facts.

``reading`` runs the real source and holds every record to its schema; each probe settles one thing that is not known
of Mailchimp. docs/live-tests.md says what is written and what that costs.
"""
