"""`python -m oddline` is the command line too."""

from oddline.cli import main

if __name__ == "__main__":
    main()
