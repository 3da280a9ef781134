"""What a computer has and physics has not: files that appear whole, caches, cores, memory, clusters, lazy imports."""
