"""Tasks of the conformance tests."""
