"""Many pictures: which files are meant, where results go, worker processes, and a journal to go on from."""
