"""``python -m jpegmend``: the same as the command ``jpegmend``."""

from jpegmend.cli import main

if __name__ == "__main__":
    main()
