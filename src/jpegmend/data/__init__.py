"""Training data: clean pictures, random crops, and their degradation by JPEG."""
