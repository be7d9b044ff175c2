"""What pytest learns from us: which tests run where, what is counted, and the fixtures."""
