"""The one exception that is the user's to mend."""


class UserError(ValueError):
    """Bad input, with a message of one line that says what is wrong and what to do.

    The commands print it on stderr and exit with code 2; any other exception is a fault
    of the program and keeps its traceback.
    """
