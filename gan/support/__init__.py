"""What all else rests on: errors of one line, files whole or absent, a quiet TensorFlow."""
