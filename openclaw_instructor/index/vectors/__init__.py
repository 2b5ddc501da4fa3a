"""Find nearest neighbours: the protocol of vector engines, and the engines that implement it."""
