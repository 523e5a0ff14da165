"""Manifests: from bytes on disk to resources, or to diagnostics a compiler could be proud of."""
