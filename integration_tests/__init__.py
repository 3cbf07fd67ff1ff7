"""Tests across processes: sources, destinations, the platform, images, and the rules of the repository."""

from __future__ import annotations
