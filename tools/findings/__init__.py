"""What takes long to run for a finding: scripts whose results are stored."""
