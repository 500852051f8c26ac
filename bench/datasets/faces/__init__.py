"""Drawing of cartoon faces: people with their attributes, their anatomy, and the parts that are painted."""
