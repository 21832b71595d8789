"""Ways to reach a balancer: local files and signals, a container, a user's own commands, a stack of ours."""
