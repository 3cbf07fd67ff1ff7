"""What the Mailchimp source and destination share: access, requests, errors, masking."""
