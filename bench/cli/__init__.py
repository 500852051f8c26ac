"""The command line: one file for each group of commands, without logic. ``bench.cli.app`` assembles them."""


def main() -> None:
    """Run the command ``ganinv`` on the arguments of this process."""
    from bench.cli.app import main as run

    run()
