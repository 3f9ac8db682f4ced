"""The command `oddline`: what people type."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    from oddline.cli.app import run

    run()
