"""Working in latent space: tensors in, tensors out, the same for every model."""
