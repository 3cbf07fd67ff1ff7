"""The played account: who and what is in it, and what reading and writing does to it."""
