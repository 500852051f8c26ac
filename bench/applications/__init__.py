"""What inversion is for: a file an application; each draws a picture and, where there is a number, a table."""
