"""What Mailchimp publishes of its API, and what others have recorded of it: routes, schemas, answers."""
