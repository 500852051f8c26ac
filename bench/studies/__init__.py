"""Studies: small programs over datasets, GANs, metrics and stages that test the reliability of metrics."""
