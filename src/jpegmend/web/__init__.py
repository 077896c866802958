"""A local web page and an HTTP service: pictures are restored by worker processes on this machine."""
