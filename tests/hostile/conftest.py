from tests.grading.course import places, prepared_home, same_folder

__all__ = ["places", "prepared_home", "same_folder"]
