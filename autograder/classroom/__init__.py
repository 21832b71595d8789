"""A classroom on one Docker host: a hub, a room of one's own for each learner, an exchange, a cluster that grades."""
