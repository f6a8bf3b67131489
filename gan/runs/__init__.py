"""What a training leaves: a run's folder, its checkpoints, trained and shipped weights."""
