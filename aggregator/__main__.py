"""python -m aggregator, and the command `aggregator`.

Worker processes import the program's main module again, so it imports nothing before it is run: what they need is the
pure stages, not the whole house.
"""


def main() -> None:
    """Runs the command line."""
    from aggregator.cli import main as cli

    cli()


if __name__ == "__main__":
    main()
