"""Policies of inference offloading: answer a sample locally, or send it on."""
