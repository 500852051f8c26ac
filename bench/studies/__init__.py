"""Studies: small programs over datasets, GANs, metrics and stages that test what metrics can be trusted for."""
