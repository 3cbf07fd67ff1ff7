"""Reads streams: ten connections busy, pages in order, nothing lost, resumable anywhere."""
