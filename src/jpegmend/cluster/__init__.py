"""Jobs of many pictures in folders and object stores: a frozen listing, a scheduler, workers."""
