"""The exceptions that the commands print as one line."""

import argparse

BAD_INPUT = 2  # a command's exit code


class UserError(ValueError, argparse.ArgumentTypeError):
    """Bad input, with a message of one line that says what is wrong and what to do.

    The commands print it on stderr and exit with code 2; argparse adds the option's name. All
    exceptions but these two are faults of the program and keep their traceback.
    """


class RunError(Exception):
    """A run that cannot go on, with a message of one line: where it stopped, what is left of it.

    The disk is full or gone, or the losses are no numbers. The commands exit with code 1.
    """
