"""The browser that these tests drive, if there is one."""

import os
import shutil


def chromium():
    """The path of a browser that is installed, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def missing():
    """What these tests need and do not find, in words; "" where all is there."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return 'Playwright for Python is missing: pip install ".[browser]"'
    return "" if chromium() else "Chromium is missing: apt-get install chromium, or set CHROMIUM to the path of one"
