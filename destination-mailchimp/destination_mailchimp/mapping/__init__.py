"""From a record to a contact: where its address is, which column goes where, and what its values become."""
