"""What Keras does not have: a faster UpSampling, PyTorch's layers, precision, replicas."""
