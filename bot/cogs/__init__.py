"""What people can ask for: each module here is loaded at the start and brings its own commands."""
