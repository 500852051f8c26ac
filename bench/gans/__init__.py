"""GANs: architectures, objectives, priors, the training loop and checkpoints."""
