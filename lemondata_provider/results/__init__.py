"""From a finished task to a file that is wholly there, or not there at all; and from a file to an input."""
