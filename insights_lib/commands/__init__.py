"""The commands of the program `insights`, by what they are about."""
