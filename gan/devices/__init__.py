"""The devices and workers that train together."""
