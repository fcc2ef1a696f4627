"""``python -m percapita`` is ``percapita``."""

from percapita.cli.main import main

if __name__ == "__main__":
    main()
