"""A stand-in for the Mailchimp Marketing API, served over HTTP."""
