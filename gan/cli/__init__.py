"""What the commands share: options, errors of one line, progress."""
