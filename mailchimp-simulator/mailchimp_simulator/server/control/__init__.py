"""The control endpoint: how tests make the simulator misbehave, change the account, and ask what happened."""
