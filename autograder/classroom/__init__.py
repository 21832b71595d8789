"""A classroom on one Docker host: a hub, a room of one's own for each learner, an exchange, a cluster that grades.

May import launch and what is below. Start reading at :mod:`autograder.classroom.opening`.
"""
