"""live: what keeps open pages fresh. One pulse a process reads for all who watch; sockets pass on what it found."""
