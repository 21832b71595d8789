"""The quality bar of the course site: what is measured of its pages, and the table that says how they stand."""
