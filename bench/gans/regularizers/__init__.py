"""Regularizers of the discriminator: penalties, clipping, instance noise; one small class a file."""
