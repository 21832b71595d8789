"""The class report: what a class handed in, where it got stuck, and which checks tell strong from weak."""
