"""Jobs of many pictures on many machines: a frozen listing, a scheduler, workers of this machine or of Ray."""
