"""A user's folder with `up` in it, as the launcher's own tests have it."""

from tests.launch.conftest import bench, clone, laid_out

__all__ = ["bench", "clone", "laid_out"]
