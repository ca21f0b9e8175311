"""``python -m torn_pipeline``: the console script by another name."""

from torn_pipeline.cli import main

if __name__ == "__main__":
    main()
