"""The claims engine: from a claims file and stored records to verdicts."""
