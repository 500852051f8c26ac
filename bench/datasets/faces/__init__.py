"""The drawing of cartoon faces: who is drawn (people), how they are built (anatomy), and what is painted on what."""
