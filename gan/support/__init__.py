"""What everything else rests on: errors, files that are whole or absent, a quiet TensorFlow."""
