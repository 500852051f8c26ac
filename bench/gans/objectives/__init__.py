"""GAN objectives: what the discriminator and the generator minimise, one small class a file."""
