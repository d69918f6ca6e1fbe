"""imaginable: your own images as a generative model whose latent space you can explore."""
