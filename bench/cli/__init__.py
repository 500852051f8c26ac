"""Words in, calls out: a file a group of commands, no logic. ``bench.cli.app`` gathers them."""


def main() -> None:
    """Run the command ``ganinv`` on the words of this process."""
    from bench.cli.app import main as run

    run()
