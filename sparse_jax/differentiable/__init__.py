"""Search by gradient: relaxed networks, their expected costs, and what they become."""
