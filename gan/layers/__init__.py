"""What Keras does not have: folded UpSampling, PyTorch's layers, precision, replicas."""
